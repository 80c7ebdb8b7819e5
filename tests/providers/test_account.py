"""Packs and deductions (kling-official 7)."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.providers.values import TREES, an_answer

from kling_tools.model import errors
from kling_tools.model.errors import InvalidArguments, KlingError, ProviderBroken
from kling_tools.model.library import Deduction, DeductionPage, Pack
from kling_tools.providers.kling.account import bill, costs, deductions, packs

DAY = 1_781_080_000.5
INFO = {
    "resource_pack_name": "Video Standard 660 Units",
    "resource_pack_id": "rp-1",
    "resource_pack_type": "decreasing_total",
    "total_quantity": 660.0,
    "remaining_quantity": 12.4,
    "purchase_time": 1_780_000_000_000,
    "effective_time": 1_780_000_000_000,
    "invalid_time": 1_790_000_000_000,
    "status": "online",
}
UNITS = {
    "package_id": "rp-1",
    "product_type": "video",
    "task_id": "882211",
    "product_function": "text-to-video",
    "model_name": "kling-3.0",
    "deduction_time": "1781080794151",
    "unit_before_deduction": "15.4",
    "deduction_amount": "3",
    "unit_after_deduction": "12.4",
}
CASH = {
    "task_id": "882212",
    "product_type": "image",
    "model_name": "kling-v3",
    "deduction_time": 1_781_080_794_151,
    "cash_type": "balance",
    "balance_before_deduction": "10.5",
    "balance_after_deduction": "10.08",
    "deduction_amount": "0.42",
    "list_price": "0.5",
    "currency": "USD",
}


def held(*infos: object, **more: object) -> tuple[Pack, ...]:
    """Return the packs of an answer with these entries."""
    data = {"code": 0, "msg": "", "resource_pack_subscribe_infos": list(infos), **more}
    return packs(an_answer({"code": 0, "request_id": "req-3", "data": data}))


def taken(*details: object, cash: bool = False, cursor: str = "", **more: object) -> DeductionPage:
    """Return the page of an answer with these entries."""
    data = {"result": {"detail": list(details), "count": len(details)}, **more}
    answer = an_answer({"code": 0, "request_id": "req-3", "data": data})
    return deductions(bill(cash, DAY, DAY + 60, cursor), answer)


def test_packs_are_asked_for_in_milliseconds() -> None:
    call = costs(DAY, DAY + 60)
    assert (call.method, call.path) == ("GET", "/account/costs")
    assert call.query == (("start_time", "1781080000500"), ("end_time", "1781080060500"))


@pytest.mark.parametrize(("start", "end"), [(2, 1), (-1, 1), (float("nan"), 1), (0, float("inf"))])
def test_a_time_that_is_none_is_not_asked_about(start: float, end: float) -> None:
    with pytest.raises(InvalidArguments):
        costs(start, end)
    with pytest.raises(InvalidArguments):
        bill(True, start, end)


def test_a_pack_is_read_exactly() -> None:
    assert held(INFO) == (
        Pack(
            name="Video Standard 660 Units",
            id="rp-1",
            kind="video",
            total=Decimal(660),
            left=Decimal("12.4"),
            valid_until=1_790_000_000.0,
            status="active",
        ),
    )


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("toBeOnline", "upcoming"),
        ("online", "active"),
        ("expired", "expired"),
        ("runOut", "used up"),
        ("ONLINE", "active"),
    ],
)
def test_a_packs_status_is_told_in_our_words(word: str, status: str) -> None:
    assert held({**INFO, "status": word})[0].status == status


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Trial-Image-1000Units-9Con", "image"),
        ("Image to Video 100", "video"),
        ("视频生成资源包", "video"),
        ("图像生成资源包", "image"),
        ("Virtual Try-On 200", "other"),
        ("", "other"),
        (None, "other"),
    ],
)
def test_what_a_pack_pays_for_is_read_from_its_name(name: object, kind: str) -> None:
    assert held({**INFO, "resource_pack_name": name})[0].kind == kind


@pytest.mark.parametrize(
    "odd", [{"status": "frozen"}, {"status": None}, {"remaining_quantity": "much"}, {"remaining_quantity": None}]
)
def test_a_pack_that_cannot_be_understood_is_left_out_and_hides_no_other(odd: dict[str, object]) -> None:
    assert [pack.id for pack in held({**INFO, **odd}, "text", {**INFO, "resource_pack_id": 7})] == ["7"]


def test_a_sparse_pack_is_read_as_far_as_it_goes() -> None:
    [pack] = held({"remaining_quantity": "5", "status": "online", "invalid_time": 0})
    assert pack == Pack(
        name="", id="", kind="other", total=Decimal(5), left=Decimal(5), valid_until=None, status="active"
    )


@pytest.mark.parametrize("time", [None, -1, "soon", 10**17, 1e400, True, "1790000000000.5", {}])
def test_an_odd_end_is_no_end(time: object) -> None:
    assert held({**INFO, "invalid_time": time})[0].valid_until is None


def test_an_account_without_packs_has_none() -> None:
    assert held() == ()
    assert packs(an_answer({"code": 0, "data": {"code": 0, "resource_pack_subscribe_infos": None}})) == ()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"code": 1302, "msg": "too fast"}, errors.TooManyRequests),
        ({"code": 5000, "msg": "?"}, ProviderBroken),
        ({"code": 0, "resource_pack_subscribe_infos": "many"}, ProviderBroken),
        ({"code": 0, "resource_pack_subscribe_infos": [1, 2]}, ProviderBroken),
        ({"code": []}, ProviderBroken),
        ([INFO], ProviderBroken),
        (None, ProviderBroken),
    ],
)
def test_an_answer_without_packs_in_it_is_an_error_with_its_request(data: object, kind: type[KlingError]) -> None:
    with pytest.raises(KlingError, match="req-3") as caught:
        packs(an_answer({"code": 0, "request_id": "req-3", "data": data}))
    assert type(caught.value) is kind


def test_both_bills_are_asked_for_page_by_page() -> None:
    first = bill(False, DAY, DAY + 60)
    assert (first.method, first.path) == ("POST", "/account/billing/package")
    assert first.body == {"start_time": 1781080000500, "end_time": 1781080060500, "limit": 100}
    second = bill(True, DAY, DAY + 60, "c-2", 9999)
    assert second.path == "/account/billing/balance"
    assert second.body == {"start_time": 1781080000500, "end_time": 1781080060500, "limit": 500, "cursor": "c-2"}


def test_units_that_were_taken_are_read_exactly() -> None:
    assert taken(UNITS).deductions == (
        Deduction(
            task_id="882211",
            at=1_781_080_794.151,
            product="text-to-video",
            model="kling-3.0",
            units=Decimal(3),
        ),
    )


def test_money_that_was_taken_is_read_exactly() -> None:
    assert taken(CASH, cash=True).deductions == (
        Deduction(
            task_id="882212",
            at=1_781_080_794.151,
            product="image",
            model="kling-v3",
            usd=Decimal("0.42"),
            currency="USD",
            amount=Decimal("0.42"),
        ),
    )


def test_yuan_are_never_called_dollars() -> None:
    [yuan] = taken({**CASH, "currency": "cny"}, cash=True).deductions
    assert (yuan.usd, yuan.currency, yuan.amount) == (None, "CNY", Decimal("0.42"))
    [unnamed] = taken({**CASH, "currency": None}, cash=True).deductions
    assert (unnamed.usd, unnamed.currency) == (None, "")


def test_where_only_the_balance_is_told_the_difference_was_taken() -> None:
    [entry] = taken({**CASH, "deduction_amount": None}, cash=True).deductions
    assert entry.usd == Decimal("0.42")


@pytest.mark.parametrize("detail", [{}, {"model_name": "kling-3.0"}, {"task_id": {}, "deduction_amount": "x"}])
def test_an_entry_about_nothing_is_left_out(detail: dict[str, Any]) -> None:
    assert taken(detail, "text", UNITS).deductions == taken(UNITS).deductions


@pytest.mark.parametrize(
    ("more", "asked", "cursor"),
    [
        ({"next_cursor": "c-2", "has_more": True}, "", "c-2"),
        ({"next_cursor": "c-2"}, "", "c-2"),
        ({"next_cursor": "c-2", "has_more": False}, "", ""),
        ({"next_cursor": "c-2", "has_more": True}, "c-2", ""),
        ({"next_cursor": None, "has_more": True}, "", ""),
        ({"next_cursor": "c" * 5000, "has_more": True}, "", ""),
        ({}, "", ""),
    ],
)
def test_pages_follow_each_other_and_end(more: dict[str, Any], asked: str, cursor: str) -> None:
    assert taken(UNITS, cursor=asked, **more).cursor == cursor


@pytest.mark.parametrize("result", [None, {}, {"detail": None}, []])
def test_nothing_taken_is_an_empty_page(result: object) -> None:
    answer = an_answer({"code": 0, "data": {"result": result}})
    assert deductions(bill(False, 0, 1), answer) == DeductionPage(())


@pytest.mark.parametrize("data", [None, [], "text", {"result": "all"}, {"result": {"detail": "all"}}, {"result": [1]}])
def test_an_answer_without_a_list_is_a_fault_with_its_request(data: object) -> None:
    with pytest.raises(ProviderBroken, match="req-3"):
        deductions(bill(False, 0, 1), an_answer({"code": 0, "request_id": "req-3", "data": data}))


KEYS = st.sampled_from([*INFO, *UNITS, *CASH, "code", "msg", "resource_pack_subscribe_infos", "result", "detail"])


@settings(max_examples=25)
@given(
    data=st.recursive(
        TREES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
        max_leaves=12,
    ),
    cash=st.booleans(),
)
def test_whatever_kling_sends_is_read_or_our_own_error(data: object, cash: bool) -> None:
    with suppress(KlingError):
        packs(an_answer({"code": 0, "data": data}))
    with suppress(KlingError):
        packs(an_answer({"code": 0, "data": {"resource_pack_subscribe_infos": [data]}}))
    with suppress(KlingError):
        deductions(bill(cash, 0, 1), an_answer({"code": 0, "data": {"result": {"detail": [data]}}}))
