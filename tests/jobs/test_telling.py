"""OpenTelemetry is told of every task from the plan to the bill, and nothing that a stranger must not read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.studio.open import FastClock, environment

from kling_tools.model.errors import InvalidArguments, KlingError
from kling_tools.model.requests import CreateVideo
from kling_tools.model.status import Status
from kling_tools.settings import Settings
from kling_tools.studio import Studio
from kling_tools.telemetry import span

PROMPT = "a fox that nobody may hear of"


class Heard:
    """What the SDK was told; one for the process, since providers can be set only once."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.figures = InMemoryMetricReader()
        tracing = TracerProvider()
        tracing.add_span_processor(SimpleSpanProcessor(self.spans))
        trace.set_tracer_provider(tracing)
        metrics.set_meter_provider(MeterProvider([self.figures]))

    def named(self, name: str, **attributes: object) -> list[ReadableSpan]:
        """Return the finished spans of a name that have these attributes, with dots for double underscores."""
        wanted = {key.replace("__", "."): value for key, value in attributes.items()}
        return [
            s
            for s in self.spans.get_finished_spans()
            if s.name == name and wanted.items() <= (s.attributes or {}).items()
        ]

    def figure(self, name: str) -> float:
        """Return the sum of a metric over all attributes; of a histogram how often it was measured."""
        data = self.figures.get_metrics_data()
        points = [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]
        return float(sum(getattr(point, "value", getattr(point, "count", 0)) for point in points))


@pytest.fixture(scope="module")
def heard() -> Heard:
    """Return an SDK that keeps what it is told."""
    return Heard()


@pytest.mark.anyio
async def test_a_task_is_told_from_the_plan_to_the_bill_and_its_prompt_is_not(heard: Heard, tmp_path: Path) -> None:
    settings = Settings.from_env(environment(tmp_path))

    async def silent(done: float, total: float | None, message: str) -> None:
        pass

    async with Studio.open(settings, FastClock()) as studio:
        with trace.get_tracer("test").start_as_current_span("a call") as call:
            task = await studio.create(CreateVideo(prompt=PROMPT))
        (task,) = await studio.wait([task.id], 6000.0, silent)
    assert task.status is Status.SUCCEEDED

    own = {"kling__task__id": task.id}
    (plan,), (hold,), (submit,) = (heard.named(f"kling.{n}", **own) for n in ("plan", "hold", "submit"))
    for one in (plan, hold, submit):
        assert one.context is not None
        assert one.context.trace_id == call.get_span_context().trace_id
    assert (submit.attributes or {})["gen_ai.request.model"] == task.plan.model
    assert submit.context is not None
    created = [s for s in heard.named("POST") if s.parent and s.parent.span_id == submit.context.span_id]
    assert [(s.attributes or {})["http.response.status_code"] for s in created] == [200]
    assert heard.named("kling.look")
    assert heard.named("kling.fetch", **own)
    (settled,) = heard.named("kling.settle", kling__task__status="succeeded", **own)
    assert (settled.attributes or {})["kling.cost.usd"] == float(task.plan.price.most or 0)

    assert heard.figure("kling.tasks.created") == heard.figure("kling.tasks.ended") == 1
    assert heard.figure("kling.cost.held") == heard.figure("kling.cost.settled") == float(task.plan.price.most or 0)
    assert heard.figure("kling.submit.duration") == heard.figure("kling.detection.lag") == 1
    assert heard.figure("kling.fetch.size") == sum(output.size or 0 for output in task.outputs)
    everything = "".join(str(s.to_json()) for s in heard.spans.get_finished_spans())
    data = heard.figures.get_metrics_data()
    everything += data.to_json() if data else ""
    assert not [
        word for word in (PROMPT, "fox", settings.data_dir.as_posix(), "http://", "in-process") if word in everything
    ]


def test_an_error_is_told_by_its_code_alone(heard: Heard) -> None:
    error = InvalidArguments(f"{PROMPT} cannot be.")
    with pytest.raises(KlingError), span("kling.trial", {}):
        raise error
    (told,) = heard.named("kling.trial")
    assert (told.attributes or {})["error.type"] == error.code
    assert not told.status.is_ok
    assert "fox" not in json.dumps(json.loads(told.to_json()))
