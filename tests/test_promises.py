"""The tie between promises and tests holds both ways. Read from the source, so that it does not matter what was run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from tests.promises import PROMISES, keeps

TESTS = Path(__file__).parent


@cache
def ties() -> tuple[tuple[str, str, str], ...]:
    """Return (file, test, promise) for every `@keeps`."""
    return tuple(_ties())


def _ties() -> Iterator[tuple[str, str, str]]:
    for path in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            for tie in node.decorator_list:
                if isinstance(tie, ast.Call) and isinstance(tie.func, ast.Name) and tie.func.id == "keeps":
                    for argument in tie.args:
                        name = argument.value if isinstance(argument, ast.Constant) else ""
                        yield path.name, node.name, str(name)


def test_every_promise_is_numbered_as_in_the_surface() -> None:
    assert [p.number for p in PROMISES] == [1, 2, 3, 4, 5, 6, 7]
    assert len({p.id for p in PROMISES}) == len(PROMISES)


@pytest.mark.parametrize("promise", [p.id for p in PROMISES])
def test_every_promise_has_a_test(promise: str) -> None:
    assert [test for _, test, tied in ties() if tied == promise]


def test_every_tie_names_a_promise_and_stands_over_a_test() -> None:
    known = {p.id for p in PROMISES}
    found = ties()
    assert found
    assert [tie for tie in found if tie[2] not in known] == []
    assert [tie for tie in found if not (tie[0].startswith("test_") and tie[1].startswith("test_"))] == []


def test_a_tie_to_a_promise_nobody_made_is_refused() -> None:
    with pytest.raises(ValueError, match="free-lunch"):
        keeps("free-lunch")
    with pytest.raises(ValueError, match="none"):
        keeps()
