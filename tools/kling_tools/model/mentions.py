"""How a prompt names what goes in beside it: `@1`, `@2` for references in order, `@voice1` for voices.

Pure text, and the one place that knows where such a name begins and ends: the catalogue checks them, each dialect
puts its own names in their place.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# Letters that stand apart from names by spaces. Chinese, Japanese, Korean and Thai run on without any: `让@1走路`.
_LETTER = r"0-9A-Za-z_\u00c0-\u024f\u0370-\u052f"
# Not inside an address (`me@1`, `@1.com`), another number (`@12`, `@1.5`) or a word (`@1st`).
_MENTION = re.compile(rf"(?<![{_LETTER}@])@([Vv]oice)?(0|[1-9][0-9]{{0,2}})(?![{_LETTER}@])(?!\.[0-9a-z])")

#: What stands for the n-th thing; None leaves the words as they are.
Naming = Callable[[int], str | None]


def mentions(prompt: str) -> list[int]:
    """Return the numbers of the references that a prompt names, in order, each as often as it is named."""
    return [int(found[2]) for found in _MENTION.finditer(prompt) if not found[1]]


def voice_mentions(prompt: str) -> list[int]:
    """Return the numbers of the voices that a prompt names, in order, each as often as it is named."""
    return [int(found[2]) for found in _MENTION.finditer(prompt) if found[1]]


def replaced(prompt: str, *, reference: Naming, voice: Naming) -> str:
    """Return the prompt with every name replaced; what is no name, or named by None, stays letter for letter."""

    def named(found: re.Match[str]) -> str:
        name = (voice if found[1] else reference)(int(found[2]))
        return found[0] if name is None else name

    return _MENTION.sub(named, prompt)
