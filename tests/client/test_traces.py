"""What a vendor's own list shows of one create: only the very same, only of that moment, and only where it is whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import pytest
from tests.jobs.house import START, HandClock

from kling_tools.client.traces import MAX_PAGES, traces
from kling_tools.providers.aimlapi import AimlApi
from kling_tools.providers.dialect import Dialect, WireAnswer, WireCall
from kling_tools.providers.fal import Fal
from kling_tools.providers.gateway import mark_of
from kling_tools.providers.piapi import PiAPI
from kling_tools.providers.reading import when
from kling_tools.providers.replicate import Replicate

pytestmark = pytest.mark.anyio

MODEL, INPUT = "kwaivgi/kling-v3-video", {"prompt": "a fox", "duration": 5, "generate_audio": False}
SENT = WireCall(method="POST", path=f"/v1/models/{MODEL}/predictions", body={"input": INPUT, "webhook": "https://x"})
MARK = Replicate().mark(SENT)


def shown(task_id: str, at: float = START, **changed: Any) -> dict[str, Any]:
    """Return a prediction as the list has it."""
    return {"id": task_id, "model": MODEL, "created_at": when(at), "input": INPUT, **changed}


@dataclass
class Line:
    """Answers page by page, the last one for ever; keeps what was asked."""

    pages: Sequence[dict[str, Any]]
    ahead: float = 0.0
    asked: list[WireCall] = field(default_factory=list)

    async def __call__(self, call: WireCall) -> WireAnswer:
        """Answer one question."""
        page = self.pages[min(len(self.asked), len(self.pages) - 1)]
        self.asked.append(call)
        headers = {"date": formatdate(START + self.ahead, usegmt=True)}
        return WireAnswer(status=200, body=json.dumps(page).encode(), headers=headers)


async def found(line: Line, dialect: Dialect | None = None, mark: str = MARK) -> tuple[str, ...] | None:
    """Return what is found of a create that left at START."""
    return await traces(dialect or Replicate(), line, HandClock(), mark, START, START + 100)


async def test_only_the_very_same_request_of_that_moment_is_found() -> None:
    page = [
        shown("ours"),
        shown("another wish", input={**INPUT, "prompt": "a hare"}),
        shown("more than we asked for", input={**INPUT, "negative_prompt": "snow"}),
        shown("another model", model="kwaivgi/kling-o1"),
        shown("before", START - 60),
        shown("long after", START + 200),
        shown("of no time", created_at=None),
        shown("erased", input={}),
    ]
    assert await found(Line([{"results": page, "next": None}])) == ("ours",)


async def test_a_vendors_clock_that_is_wrong_is_reckoned_with() -> None:
    page = [shown("ours", START + 3600), shown("another's", START)]
    assert await found(Line([{"results": page, "next": None}], ahead=3600.0)) == ("ours",)


async def test_every_page_is_followed_and_of_a_list_without_end_nothing_follows() -> None:
    more = {"results": [shown("ours")], "next": "https://api.replicate.com/v1/predictions?cursor=c2&created_after=x"}
    line = Line([more, {"results": [shown("other")], "next": None}])
    assert await found(line) == ("ours", "other")
    assert dict(line.asked[1].query) == {"cursor": "c2", "created_after": "x"}
    endless = Line([more])
    assert await found(endless) is None
    assert len(endless.asked) == MAX_PAGES


async def test_a_next_page_at_another_address_is_asked_of_the_vendor_itself() -> None:
    line = Line([{"results": [], "next": "https://evil.example/steal?key=1"}, {"results": [], "next": None}])
    assert await found(line) == ()
    assert (line.asked[1].host, line.asked[1].path) == ("", "/v1/predictions")


async def test_what_is_odd_in_a_list_keeps_nothing_else_from_being_found() -> None:
    deep: Any = "a fox"
    for _ in range(600):
        deep = [deep]
    first = {"results": [shown("nested", input={"prompt": deep})], "next": "https://[/v1/predictions?cursor=c2"}
    assert await found(Line([first, {"results": [shown("ours")], "next": None}])) == ("ours",)


async def test_without_a_list_or_a_mark_nothing_is_asked() -> None:
    line = Line([{}])
    assert await found(line, PiAPI()) is None
    assert await found(line, mark="") is None
    assert line.asked == []


async def test_fal_is_known_by_endpoint_and_input_page_by_page() -> None:
    fal, body = Fal(), {"prompt": "a fox", "duration": "5"}
    mark = fal.mark(WireCall(method="POST", path="/fal-ai/kling-video/v3/pro/text-to-video", body=body))
    row = {"endpoint_id": "fal-ai/kling-video/v3/pro/text-to-video", "sent_at": when(START), "json_input": body}
    unkept = {"request_id": "unkept", **{k: v for k, v in row.items() if k != "json_input"}}
    first = {"items": [{"request_id": "ours", **row}, unkept], "next_cursor": "Mg==", "has_more": True}
    line = Line([first, {"items": [{"request_id": "int", **row, "json_input": {**body, "duration": 5}}]}])
    assert await found(line, fal, mark) == ("ours",)
    assert dict(line.asked[1].query)["cursor"] == "Mg=="
    assert line.asked[0].host == "platform"


async def test_aiml_is_known_by_our_own_name_and_a_nameless_request_is_nobodys() -> None:
    aiml = AimlApi()
    call = WireCall(method="POST", path="/v2/video/generations", body={}, headers=(("X-Client-Request-Id", "k3x9"),))
    rows = [
        {"inference_id": "a:b/c", "client_request_id": "k3x9", "created": when(START)},
        {"inference_id": "another", "client_request_id": "k3x8", "created": when(START)},
        {"inference_id": "nameless", "client_request_id": None, "created": when(START)},
    ]
    line = Line([{"data": rows, "pagination": {"has_more": True}}, {"data": [], "pagination": {"has_more": True}}])
    assert await found(line, aiml, aiml.mark(call)) == ("a:b/c",)
    assert dict(line.asked[1].query)["offset"] == "3"
    drawn = WireCall(method="POST", path="/v1/images/generations", headers=call.headers)
    assert aiml.mark(drawn) == ""


def test_a_mark_is_of_what_is_said_and_not_of_how_it_is_written() -> None:
    one = mark_of("m", {"a": 5, "b": [1.5, {"c": "x"}], "none": None, "empty": ""})
    assert one == mark_of("m", {"b": [1.5, {"c": "x"}], "a": 5.0})
    for other in ({"a": 5}, {"a": "5", "b": [1.5, {"c": "x"}]}, {"a": 5, "b": [{"c": "x"}, 1.5]}):
        assert mark_of("m", other) != one
    assert mark_of("n", {"a": 5, "b": [1.5, {"c": "x"}]}) != one
    assert mark_of("m", {"on": False}) != mark_of("m", {})
