"""The one way to stdout, for commands that people run. While MCP is served over stdio, stdout is the protocol."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Sequence
from shutil import get_terminal_size
from textwrap import wrap
from typing import Self

#: A path is copied by people: a terminal may break it over lines, we may not.
_PATH = re.compile(r"(?:^|\s)(?:[/~]|[A-Za-z]:\\)")
#: Longer lines are hard to read, however wide the window.
_WIDEST = 120


def say(text: str = "") -> None:
    """Write one line for a person."""
    if sys.stdout is not None:  # closed by whoever started us
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def say_prose(text: str, *, first: str = "", rest: str = "") -> None:
    """Write text broken between words to fit the window; `first` stands before it, `rest` before further lines."""
    for number, line in enumerate(text.splitlines()):
        head = rest if number else first
        if not on_terminal() or _PATH.search(line):
            say(f"{head}{line}")
            continue
        width = min(_WIDEST, columns())
        for part in wrap(line, width, initial_indent=head, subsequent_indent=rest, break_on_hyphens=False):
            say(part)


def on_terminal() -> bool:
    """Whether a person is reading at a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def columns() -> int:
    """Return how many characters a line of the window has."""
    return max(20, get_terminal_size().columns)


def cut(text: str, width: int) -> str:
    """Return text in at most `width` characters."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def drop_stdout() -> None:
    """Let nothing more be written: the reader has gone, and the interpreter would complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


class Bar:
    """A progress bar of one line on a terminal; elsewhere a line whenever the words change."""

    WIDTH = 32

    def __init__(self) -> None:
        self._live = on_terminal()
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
            passed = time.monotonic() - self._started
            part = min(1.0, done / total) if total else 0.0
            self._said = bar(part, f"{passed:3.0f} s  {words}", columns() - 1)
            sys.stdout.write(f"\r\033[K{self._said}")
            sys.stdout.flush()
        elif (first := words.partition(",")[0]) != self._said:
            self._said = first
            say(f"… {words}")


def bar(part: float, words: str, width: int) -> str:
    """Return a bar and words in at most `width` characters; the bar gives way first."""
    room = min(Bar.WIDTH, width - len(words) - 3)
    if room < 8:
        return cut(words, width)
    full = round(room * part)
    return f"[{'█' * full}{'░' * (room - full)}] {words}"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as aligned lines; the first is the head."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
