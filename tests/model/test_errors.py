"""The tree of what can go wrong: drawn once, and drawn right; foreign text in it is data."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_tools.model import errors
from kling_tools.model.errors import SPENT_SENTENCES, KlingError, ProviderRefused, Refused, Unsure, quoted


def all_errors() -> list[type[KlingError]]:
    """Return every error class of the room, the root first."""
    found: list[type[KlingError]] = [KlingError]
    for kind in found:
        found += [sub for sub in kind.__subclasses__() if sub.__module__ == errors.__name__]
    return found


def drawn() -> dict[str, str]:
    """Return class -> parent as the module's docstring draws them."""
    tree: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if not (match := re.match(r"^( {4}[|` -]*)([A-Z]\w+(?:, [A-Z]\w+)*)", line)):
            continue
        depth = (len(match[1]) - 3) // 4
        for name in match[2].split(", "):
            del path[depth:]
            if path:
                tree[name] = path[-1]
            path.append(name)
    return tree


def test_the_tree_in_the_docstring_is_the_real_one() -> None:
    assert drawn() == {kind.__name__: kind.__mro__[1].__name__ for kind in all_errors()[1:]}


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in all_errors()]
    assert len(set(codes)) == len(codes)
    assert all("code" in vars(kind) for kind in all_errors())


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_an_errors_docstring_is_its_message(kind: type[KlingError]) -> None:
    error = kind()
    assert vars(kind).get("__doc__")
    assert error.message == str(error) == (kind.__doc__ or "").strip()
    assert "\n" not in error.message
    assert error.message.endswith(".")
    assert SPENT_SENTENCES[error.spent] in error.sentence()
    assert error.sentence().endswith(error.advice)


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_what_was_refused_cost_nothing_and_a_broken_wire_leaves_it_open(kind: type[KlingError]) -> None:
    if issubclass(kind, Refused | ProviderRefused):
        assert kind.spent == "no"
    if issubclass(kind, Unsure):
        assert kind.spent == "unknown"
        assert not kind.retryable


def test_words_given_to_an_error_replace_its_own() -> None:
    error = Refused("No.", advice="Do that.", spent="yes")
    assert (error.message, error.advice, error.spent) == ("No.", "Do that.", "yes")
    assert Refused.spent == "no"


@given(
    st.text(max_size=400) | st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Zs"])), st.integers(8, 300)
)
def test_quoted_text_is_one_bounded_line_without_control_or_direction_marks(text: str, limit: int) -> None:
    shown = quoted(text, limit)
    assert shown[0] == shown[-1] == '"'
    assert len(shown) <= limit + 2
    inner = shown[1:-1]
    assert '"' not in inner
    assert not [c for c in inner if unicodedata.category(c)[0] == "C" or unicodedata.category(c) in {"Zl", "Zp"}]
    assert not [
        c for c in inner if unicodedata.bidirectional(c) in {"RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI"}
    ]


def test_quoted_text_that_fits_is_whole_and_one_that_does_not_says_so() -> None:
    assert quoted("a  b\nc") == '"a b c"'
    assert quoted("x" * 240) == f'"{"x" * 240}"'
    assert quoted("x" * 241) == f'"{"x" * 239}…"'
    assert quoted("\u202eabc\u200b") == '"abc"'
