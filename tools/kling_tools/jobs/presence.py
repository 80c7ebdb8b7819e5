"""Who this process is to the others at the same journal, and which of those are alive: the kernel says it, no clock.

A task is claimed under the name of a process. While that one lives, and be it suspended, nobody else sends the task:
it may be adopted where the provider shows it, and no more. A name is used by one process, once, and told to nobody
before its lock is held.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from kling_tools.files.locking import release, try_lock
from kling_tools.files.storage import storage
from kling_tools.model.errors import StorageUnavailable

#: Somebody who clears away may be faster than the taker of a name; so often in a row it is not chance.
ATTEMPTS = 5


class Presence(Protocol):
    """This process among all that share a journal."""

    async def name(self) -> str:
        """Return the name under which this process is known to be alive, taking one if it has none.

        Raises:
            StorageUnavailable: nobody could be told that it is alive, so it must not begin to send.
        """
        ...

    async def stands(self, name: str) -> bool:
        """Whether the others can still see that this process is alive under the name; False also where in doubt."""
        ...

    async def lives_elsewhere(self, name: str) -> bool:
        """Whether the name is that of another living process. Of nobody ("") nothing is known: False.

        Raises:
            StorageUnavailable: it cannot be found out.
        """
        ...


class FilePresence:
    """A lock file per process in the data directory, freed by the kernel on any death, and only then."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = ""
        self._held: int | None = None
        self._pid = 0

    async def name(self) -> str:
        """Return this process's name; with the first one, what dead processes left is cleared away.

        Raises:
            StorageUnavailable: the data directory cannot be written, or knows no locks.
        """
        if not await self.stands(self._name):
            self._let_go()
            with storage(self._folder):
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._clear()
                self._take()
        return self._name

    async def stands(self, name: str) -> bool:
        """Whether the lock is held by this very process, not by one it was forked from, and its file is in place."""
        if self._held is None or name != self._name or self._pid != os.getpid():
            return False
        with suppress(OSError):
            return os.path.samestat(os.fstat(self._held), os.lstat(self._path(name)))
        return False

    async def lives_elsewhere(self, name: str) -> bool:
        """Whether another process holds the lock of that name.

        Raises:
            StorageUnavailable
        """
        if not name or await self.stands(name):
            return False
        with storage(self._folder):
            return self._path(name).exists() and not self._cleared(self._path(name))

    async def close(self) -> None:
        """Give up the name."""
        if self._held is not None and await self.stands(self._name):
            _HELD.discard(self._held)
            release(self._held, self._path(self._name))
            self._held = None
        self._let_go()

    def _path(self, name: str) -> Path:
        return self._folder / f"alive-{name}.lock"

    def _take(self) -> None:
        for _ in range(ATTEMPTS):
            name = secrets.token_hex(8)
            self._held = try_lock(self._path(name))
            if self._held is not None:
                self._name, self._pid = name, os.getpid()
                _HELD.add(self._held)
                return
        raise StorageUnavailable(f"No lock file can be held in {self._folder}.")

    def _let_go(self) -> None:
        # In a forked child the descriptor is closed already, and its number may be another file's.
        if self._held is not None and self._pid == os.getpid():
            _HELD.discard(self._held)
            os.close(self._held)
        self._held, self._name = None, ""

    def _clear(self) -> None:
        for path in self._folder.glob("alive-*.lock"):
            with suppress(OSError):  # what another user left there is in nobody's way
                self._cleared(path)

    @staticmethod
    def _cleared(path: Path) -> bool:
        """Remove a lock file that nobody holds; return whether it was such."""
        held = try_lock(path)
        if held is None:
            return False
        release(held, path)
        return True


#: A forked child shares the lock of its parent and would seem to be it, also after its death.
_HELD: set[int] = set()


def _close_held() -> None:
    while _HELD:
        os.close(_HELD.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_held)
