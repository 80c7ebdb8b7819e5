"""Prompts in Kling's own words: what `@1` and `@voice1` are called on the wire, and shots in one text.

The current API gives every reference an id of its own and reads `@image_1`; the legacy one counts the places in its
lists and reads `<<<image_1>>>` (kling-official 3.1, 4.5, 12.7). The two never mix.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kling_tools.model.mentions import replaced
from kling_tools.model.specs import Reference, Shot


@dataclass(frozen=True)
class Names:
    """What each reference and voice is called, in order; `mark` is how a prompt points at a name."""

    references: tuple[str, ...]
    voices: tuple[str, ...] = ()
    mark: str = "@{}"

    def said(self, words: str) -> str:
        """Return words of the agent's with these names in them; a number without a reference stays as it is."""
        return replaced(words, reference=self._of(self.references), voice=self._of(self.voices))

    def _of(self, names: Sequence[str]) -> _Named:
        return _Named(tuple(self.mark.format(name) for name in names))


@dataclass(frozen=True)
class _Named:
    names: tuple[str, ...]

    def __call__(self, number: int) -> str | None:
        return self.names[number - 1] if 1 <= number <= len(self.names) else None


def ids(references: Sequence[Reference], voices: int = 0) -> Names:
    """Return ids for the current API: `image_1`, `element_1`, counted per kind.

    None may be part of another (kling-official 3.1), so ten and more of a kind are written `image_01`.
    """
    of_kind = Counter(reference.kind for reference in references)
    widths: dict[str, int] = {kind: len(str(number)) for kind, number in of_kind.items()}
    counted = _counted(references, {})
    return Names(
        references=tuple(f"{kind}_{number:0{widths[kind]}}" for kind, number in counted),
        voices=_voices(voices),
    )


def places(references: Sequence[Reference], voices: int = 0, *, before: Mapping[str, int] | None = None) -> Names:
    """Return names for the legacy API: places in its lists, after the `before` that stand there already, by kind."""
    counted = _counted(references, before or {})
    return Names(
        references=tuple(f"{kind}_{number}" for kind, number in counted), voices=_voices(voices), mark="<<<{}>>>"
    )


def plain(references: Sequence[Reference]) -> Names:
    """Return names in plain words (`image 1`), for products whose page documents no way to point at a picture."""
    return Names(references=tuple(f"{kind} {number}" for kind, number in _counted(references, {})), mark="{}")


def storyboard(shots: Sequence[Shot], names: Names) -> str:
    """Return shots as the one prompt that the current API splits again (kling-official 3.1)."""
    return " ".join(
        f"shot {number}, {shot.seconds}, {_one_part(names.said(shot.prompt))};" for number, shot in enumerate(shots, 1)
    )


def _one_part(words: str) -> str:
    """Return words that end no shot early."""
    return words.replace(";", ",").replace("；", "，").strip()


def _counted(references: Sequence[Reference], before: Mapping[str, int]) -> list[tuple[str, int]]:
    seen = Counter(before)
    counted: list[tuple[str, int]] = []
    for reference in references:
        seen[reference.kind] += 1
        counted.append((reference.kind, seen[reference.kind]))
    return counted


def _voices(number: int) -> tuple[str, ...]:
    return tuple(f"voice_{place:0{len(str(number))}}" for place in range(1, number + 1))
