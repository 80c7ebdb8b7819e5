"""Money is exact: no figure is rounded in the provider's disfavour, and none in the person's."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.promises import keeps

from kling_tools.model.money import Price, dollars, from_micros, plain, to_micros

amounts = st.decimals(min_value=0, max_value=10**6, places=9, allow_nan=False)


@given(amounts)
@keeps("within-budget")
def test_millionths_round_up_and_by_less_than_one(amount: Decimal) -> None:
    micros = to_micros(amount)
    assert Decimal(0) <= Decimal(micros) / 10**6 - amount < Decimal("0.000001")


@given(st.integers(0, 10**13))
def test_millionths_come_back_as_they_went(micros: int) -> None:
    assert to_micros(from_micros(micros)) == micros
    assert "E" not in str(from_micros(micros))


@given(amounts)
def test_a_plain_figure_is_the_same_number_without_ornament(amount: Decimal) -> None:
    text = plain(amount)
    assert Decimal(text) == amount
    assert "E" not in text
    assert text == "0" or "." not in text or text[-1] not in "0."


@given(amounts)
def test_dollars_lose_nothing(amount: Decimal) -> None:
    assert Decimal(dollars(amount).removeprefix("$")) == amount


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("0.42", "$0.42"), ("0.084", "$0.084"), ("1", "$1.00"), ("0", "$0.00"), ("1E+2", "$100.00"), ("2.10", "$2.10")],
)
def test_dollars_read_as_people_write_them(amount: str, shown: str) -> None:
    assert dollars(Decimal(amount)) == shown


@pytest.mark.parametrize(
    ("amount", "shown"), [("1E+2", "100"), ("3.0", "3"), ("0.10", "0.1"), ("0", "0"), ("100", "100"), ("0.000", "0")]
)
def test_plain_figures_have_no_trailing_zeros(amount: str, shown: str) -> None:
    assert plain(Decimal(amount)) == shown


def test_a_price_reads_with_its_units_its_range_or_as_unknown() -> None:
    assert Price.exact(Decimal("0.42"), Decimal(3)).words() == "$0.42 (3 units)"
    assert Price.between(Decimal("0.2"), Decimal("0.3")).words() == "$0.20 to $0.30"
    assert Price.unknown().words() == "an unknown price"


def test_the_worst_case_of_a_range_is_its_upper_end() -> None:
    price = Price.between(Decimal("0.2"), Decimal("0.1"))
    assert price.most == Decimal("0.2")
    assert Price.unknown().most is None
