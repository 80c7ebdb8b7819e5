"""Facts in the words an agent reads, with the same facts as data, links and pictures.

Every text stands alone: many hosts show the model nothing else. Prompts are the person's data and upstream messages are
strangers', so both come quoted and bounded. What a text leaves out is in the structured content.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from decimal import Decimal
from functools import singledispatch
from json import dumps
from mimetypes import guess_type
from pathlib import PurePath

from mcp.types import CallToolResult, ContentBlock, ImageContent, ResourceLink, TextContent
from pydantic import BaseModel

from kling_tools.model.errors import SPENT_SENTENCES, KlingError, quoted
from kling_tools.model.money import dollars
from kling_tools.operations.answers import (
    CostFacts,
    EstimateFacts,
    LookFacts,
    ModelFacts,
    ModelsFacts,
    OutputFacts,
    QuoteFacts,
    TaskFacts,
    TasksFacts,
)
from kling_tools.operations.operation import Answer

#: More links than this would cost a model more than they tell it.
MOST_LINKS = 5
PROMPT_SHOWN = 80
RUNNING = frozenset({"queued", "submitted", "processing", "unsure"})


def reply(answer: Answer, *, images: bool) -> CallToolResult:
    """Return an answer as text, data, links and, unless the person turned them off, pictures."""
    facts, text = answer.facts, tell(answer.facts)
    if answer.images and not images:
        text += f"\nThe picture is left out: images are turned off (KLING_IMAGES=0).{_instead(facts)}"
    content: list[ContentBlock] = [TextContent(type="text", text=text)]
    if images:
        content += [
            ImageContent(type="image", data=b64encode(jpeg).decode(), mime_type="image/jpeg") for jpeg in answer.images
        ]
    content += links(facts)
    return CallToolResult(content=content, structured_content=facts.model_dump(mode="json"))


def refusal(error: KlingError) -> CallToolResult:
    """Return an error in our words: its stable code, what happened, what was spent, what to do."""
    return failure(error.code, error.sentence())


def failure(code: str, text: str) -> CallToolResult:
    """Return an error without data: clients check data against the tool's output schema even then."""
    return CallToolResult(content=[TextContent(type="text", text=f"[{code}] {text}")], is_error=True)


@singledispatch
def tell(facts: BaseModel) -> str:
    """Return facts as short text; facts nobody has worded yet come as compact JSON."""
    return facts.model_dump_json(exclude_none=True)


@singledispatch
def links(facts: BaseModel) -> list[ResourceLink]:
    """Return what an answer points to."""
    return []


@tell.register
def _task(facts: TaskFacts) -> str:
    lines = [f"Task {facts.task_id}: {_standing(facts)}. {facts.model} on {facts.provider}, {_bill(facts.cost)}."]
    lines += [_output(output) for output in facts.outputs]
    if facts.error:
        lines.append(f"[{facts.error.code}] {facts.error.message} {SPENT_SENTENCES[facts.error.spent]}")
    lines += [f"Note: {note}" for note in facts.notes]
    return "\n".join([*lines, f"Next: {facts.next}."])


@links.register
def _task_links(facts: TaskFacts) -> list[ResourceLink]:
    task = ResourceLink(
        type="resource_link",
        uri=facts.resource_uri,
        name=facts.task_id,
        title=f"Task {facts.task_id}",
        mime_type="application/json",
    )
    return [task, *(_file(o.uri, o.path, facts) for o in facts.outputs if o.uri and o.path)]


@tell.register
def _tasks(facts: TasksFacts) -> str:
    if not facts.tasks:
        return "No tasks found."
    if len(facts.tasks) == facts.total == 1:
        return tell(facts.tasks[0])
    lines = [_line(task) for task in facts.tasks]
    if facts.total > len(facts.tasks):
        lines.insert(0, f"{len(facts.tasks)} of {facts.total} tasks, newest first:")
    if running := [task.task_id for task in facts.tasks if task.status in RUNNING]:
        which = f"task_id={running[0]}" if len(running) == 1 else f"task_ids={dumps(running[:20])}"
        lines.append(f"Next: check_status {which} wait_seconds=45.")
    if facts.next_cursor:
        lines.append(f"More: the same call with cursor={facts.next_cursor}.")
    return "\n".join(lines)


@links.register
def _tasks_links(facts: TasksFacts) -> list[ResourceLink]:
    if len(facts.tasks) <= MOST_LINKS:
        return [link for task in facts.tasks for link in _task_links(task)]
    return [ResourceLink(type="resource_link", uri="kling://tasks", name="tasks", mime_type="application/json")]


@tell.register
def _estimate(facts: EstimateFacts) -> str:
    lines = [_quote(quote) for quote in facts.quotes]
    lines.append(f"Nothing was sent. Budget left today: {dollars(Decimal(facts.budget_left_usd))}.")
    if facts.needs_confirmation:
        lines.append("The person has to agree to this price first.")
    return "\n".join([*lines, f"Next: {facts.next}."])


@tell.register
def _models(facts: ModelsFacts) -> str:
    lines = [_model(model) for model in facts.models]
    return "\n".join([*lines, f"auto takes {facts.auto} where it can. As of {facts.checked}, {facts.source}."])


@tell.register
def _look(facts: LookFacts) -> str:
    times = ", ".join(f"{t:g}" for t in facts.times)
    sheet = f"Contact sheet, row by row, of the frames at {times} s (at_seconds shows one larger)"
    shown = sheet if facts.shows == "sheet" else f"Frame at {times} s"
    sound = "with sound" if facts.has_audio else "without sound"
    mark = " SIMULATED, not a Kling result." if facts.simulated else ""
    video = f"{facts.seconds:g} s, {facts.width}x{facts.height}, {facts.codec}, {sound}"
    return f"{shown}. The video: {video}.{mark}\nFile: {facts.path}"


@links.register
def _look_links(facts: LookFacts) -> list[ResourceLink]:
    return [_file(PurePath(facts.path).as_uri(), facts.path, facts)]


def money(cost: CostFacts) -> str:
    """Return a price as people read it."""
    if cost.usd is None:
        return "price unknown"
    units = f" ({cost.units} units)" if cost.units is not None else ""
    return f"{'about ' if cost.basis == 'estimate' else ''}{dollars(Decimal(cost.usd))}{units}"


def _bill(cost: CostFacts) -> str:
    """Return what a task will cost, or what it did cost once that is known."""
    price = money(cost) if cost.usd is None else f"price {money(cost)}"
    if cost.charged_usd is None:
        return price
    charged = f"charged {dollars(Decimal(cost.charged_usd))}"
    return charged if cost.charged_usd == cost.usd else f"{price}, {charged}"


def _standing(task: TaskFacts) -> str:
    known = " (the connection broke; whether Kling took it is being looked up)" if task.status == "unsure" else ""
    mark = ", SIMULATED (no real money, not Kling's)" if task.simulated else ""
    label = f", label {quoted(task.label, PROMPT_SHOWN)}" if task.label else ""
    return f"{task.status}{known}{mark}{label}"


def _line(task: TaskFacts) -> str:
    what = quoted(task.label or task.prompt, PROMPT_SHOWN)
    mark = ", SIMULATED" if task.simulated else ""
    when = task.created[:16].replace("T", " ")
    head = f"{task.task_id}: {task.status}{mark}, {when}, {task.model}, {_bill(task.cost)}, {what}"
    if paths := [output.path for output in task.outputs if output.path]:
        return f"{head}, file {' and '.join(paths)}"
    if task.error:
        return f"{head} [{task.error.code}] {quoted(task.error.message, 120)} {SPENT_SENTENCES[task.error.spent]}"
    return head


def _output(output: OutputFacts) -> str:
    if output.path:
        return f"File: {output.path}"
    return f"The {output.kind} is finished at Kling and is being fetched to this disk."


def _file(uri: str, path: str, facts: TaskFacts | LookFacts) -> ResourceLink:
    mark = "Simulated, not a Kling result" if facts.simulated else None
    return ResourceLink(
        type="resource_link", uri=uri, name=PurePath(path).name, description=mark, mime_type=guess_type(path)[0]
    )


def _quote(quote: QuoteFacts) -> str:
    mark = " (SIMULATED, costs nothing real)" if quote.simulated else ""
    if quote.cost is None:
        return f"{quote.provider}{mark}: not possible. {quote.refused}"
    notes = "".join(f" {note}" for note in quote.notes)
    return f"{quote.provider}{mark}: {quote.model} for {money(quote.cost)}.{notes}"


def _model(model: ModelFacts) -> str:
    ways = " and ".join(way for way, able in (("text", model.text_to_video), ("image", model.image_to_video)) if able)
    parts: Iterable[str] = (
        f"from {ways}",
        f"{model.seconds} s",
        "/".join(model.resolutions),
        f"last_image at {'/'.join(model.last_image)}" if model.last_image else "no last_image",
        "no sound" if model.audio == "none" else f"sound {model.audio}",
        ", ".join(f"{dollars(Decimal(usd))}/s {what}" for what, usd in model.usd_per_second.items()),
        f"needs {model.needs}" if model.needs else "",
    )
    return f"{model.model}: {model.good_for}; {'; '.join(part for part in parts if part)}."


def _instead(facts: BaseModel) -> str:
    return f" Open {facts.path} to see the video." if isinstance(facts, LookFacts) else ""
