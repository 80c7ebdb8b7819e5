"""The one way to stdout, for commands that people run. While MCP is served over stdio, stdout is the protocol."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Self


def say(text: str = "") -> None:
    """Write one line for a person."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Bar:
    """A progress bar on a terminal; elsewhere a line whenever the words change."""

    WIDTH = 32

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._said = ""
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *failure: object) -> None:
        """Leave the bar behind a line of its own."""
        if self._live and self._said:
            say()

    def show(self, done: float, total: float | None, words: str) -> None:
        """Show how far it is, in seconds."""
        if self._live:
            full = round(self.WIDTH * min(1.0, done / total)) if total else 0
            passed = time.monotonic() - self._started
            self._said = f"[{'█' * full}{'░' * (self.WIDTH - full)}] {passed:3.0f} s  {words}"
            sys.stdout.write(f"\r\033[K{self._said}")
            sys.stdout.flush()
        elif (first := words.partition(",")[0]) != self._said:
            self._said = first
            say(f"… {words}")


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as aligned lines; the first is the head."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
