"""What the journal asks of a database: named statements in a transaction. One file on one machine, or a server.

The journal is written once. Where the two databases speak differently, a statement of `postgres.sql` stands in for the
one of the same name in `journal.sql`; nothing above this room knows which is used.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Connection(Protocol):
    """The statements by name, inside one transaction; used in the store's thread only."""

    def run(self, name: str, **values: Any) -> None:
        """Execute a named statement."""
        ...

    def row(self, name: str, **values: Any) -> tuple[Any, ...] | None:
        """Return the first row of a named query."""
        ...

    def rows(self, name: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return all rows of a named query."""
        ...

    def alone(self, about: str) -> None:
        """Let no other transaction that says the same be under way until this one has ended.

        For what no single row stands for: a day's money, an account's slots, a request that is not written yet. Say it
        before the first look at what it is about.
        """
        ...


class Store(Protocol):
    """An open journal. What `do` returned from is durable."""

    @property
    def place(self) -> str:
        """Return where it is, for people; never with a password."""
        ...

    async def do(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction that may write; all of it is durable, or none. It may be run more than once.

        A task that is read here is not changed by anybody else before the transaction ends.

        Raises:
            StorageUnavailable: nothing was written, or the error says that it is not known.
        """
        ...

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one snapshot, taking no lock.

        Raises:
            StorageUnavailable
        """
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of the database."""
        ...


@cache
def statements(*names: str) -> dict[str, str]:
    """Return the named statements of these files of jobs/; a later file's stand in for an earlier one's."""
    named: dict[str, str] = {}
    for name in names:
        text = files("kling_tools.jobs").joinpath(name).read_text("utf-8")
        parts = (part.partition("\n") for part in text.split("-- name: ")[1:])
        named.update((head.strip(), body.strip().rstrip(";")) for head, _, body in parts)
    return named


@cache
def migrations(*folders: str) -> tuple[str, ...]:
    """Return the numbered scripts of a database's folder, in order."""
    folder = files("kling_tools.jobs").joinpath(*folders)
    scripts = sorted((f.name, f.read_text("utf-8")) for f in folder.iterdir() if f.name.endswith(".sql"))
    return tuple(script for _, script in scripts)
