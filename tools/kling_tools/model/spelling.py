"""What somebody may have meant who wrote a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable


def alike(word: str, known: Iterable[str], *, most: int = 1, cutoff: float = 0.6) -> list[str]:
    """Return known names that look like it, the likeliest first; `cutoff` is how alike, 0 to 1."""
    from difflib import get_close_matches  # not before something is misspelt: start-up is measured

    return get_close_matches(word, list(known), n=most, cutoff=cutoff)
