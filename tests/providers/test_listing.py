"""What an account has, page by page: one list of everything, or one for each product (kling-official 2.3, 2.5)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from tests.providers.values import HOST, TREES, an_answer

from kling_tools.model.errors import Impossible, KlingError, ProviderBroken
from kling_tools.model.tasks import Remote
from kling_tools.providers.dialect import Dialect, WireCall
from kling_tools.providers.kling.legacy import Legacy
from kling_tools.providers.kling.official import Official
from kling_tools.providers.kling.standard import Standard

KEY: Dialect = Official()
PAIR: Dialect = Legacy(pair=True)
OLD = "/v1/videos/text2video"
EVERYTHING = KEY.listing()
ITEM = {"id": "88", "status": "processing", "external_id": "k1", "outputs": [], "billing": []}


def a_page(**data: Any) -> Any:
    return an_answer({"code": 0, "message": "", "data": data})


def test_an_api_key_lists_everything_at_one_address() -> None:
    assert KEY.lists == Standard().lists == ("",)
    assert (EVERYTHING.method, EVERYTHING.path, EVERYTHING.body) == ("POST", "/tasks", {"limit": 500})
    assert EVERYTHING.listing
    assert not EVERYTHING.product


def test_what_is_at_work_and_a_span_are_asked_for_in_the_apis_words() -> None:
    call = KEY.listing(active=True, start=1_795_000_000.25, end=1_795_000_060)
    assert call.body == {
        "limit": 500,
        "start_time": 1_795_000_000_250,
        "end_time": 1_795_000_060_000,
        "filters": [{"key": "status", "values": ["submitted", "processing"]}],
    }


def test_an_old_product_has_its_own_list_with_either_credentials() -> None:
    for dialect in (KEY, PAIR):
        call = dialect.listing(OLD, active=True, start=1.0)
        assert (call.method, call.path, call.query) == ("GET", OLD, (("pageNum", "1"), ("pageSize", "500")))
        assert call.listing
        assert call.product == OLD


def test_a_key_pair_has_a_list_for_each_product_and_none_for_everything() -> None:
    assert OLD in PAIR.lists
    assert len(PAIR.lists) == 17
    assert not {"/v1/audio/tts", "/v1/videos/image-recognize"} & set(PAIR.lists)  # they are answered at once
    with pytest.raises(Impossible, match="one product at a time"):
        PAIR.listing()


def test_a_page_shows_its_tasks_and_where_the_next_begins() -> None:
    page = KEY.page(EVERYTHING, a_page(result=[ITEM], count=1, next_cursor="c-2", has_more=True))
    assert [(o.remote, o.external_id, o.status) for o in page.observations] == [
        (Remote("88", "", HOST), "k1", "processing")
    ]
    assert page.next == WireCall(method="POST", path="/tasks", body={"cursor": "c-2"}, listing=True)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"next_cursor": ""},
        {"next_cursor": None, "has_more": False},
        {"next_cursor": "c-3", "has_more": False},
        {"next_cursor": "c-2", "has_more": True},  # the page that was asked for
        {"next_cursor": "c" * 5000, "has_more": True},
    ],
)
def test_a_list_ends_at_its_last_page(more: dict[str, Any]) -> None:
    second = WireCall(method="POST", path="/tasks", body={"cursor": "c-2"}, listing=True)
    assert KEY.page(second, a_page(result=[ITEM], **more)).next is None


@pytest.mark.parametrize("result", [[], None])
def test_an_account_without_tasks_has_an_empty_list(result: object) -> None:
    assert KEY.page(EVERYTHING, a_page(result=result, count=0)).observations == ()


@pytest.mark.parametrize("data", [{}, {"count": 0}, None, "none", {"result": "none"}])
def test_an_answer_without_a_list_is_not_an_empty_list(data: object) -> None:
    with pytest.raises(ProviderBroken):
        KEY.page(EVERYTHING, an_answer({"code": 0, "data": data}))


@given(TREES, TREES)
def test_no_list_ever_does_more_than_fail(result: object, cursor: object) -> None:
    with suppress(KlingError):
        KEY.page(EVERYTHING, a_page(result=result, next_cursor=cursor))
