"""Which process looks: the holder of a file lock that the kernel frees on any death, and only then.

A process that is merely suspended keeps its office: two watchers would ask twice, and a laptop's sleep is no death.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Protocol

from kling_tools.files.locking import try_lock
from kling_tools.files.storage import storage
from kling_tools.jobs.presence import FilePresence, Presence


class Offices(Presence, Protocol):
    """Among everybody who shares a journal: who this process is, and the offices of watcher, one an account."""

    async def holds(self, account: str) -> bool:
        """Whether this process is, or now becomes, the account's watcher.

        Raises:
            StorageUnavailable: it cannot be found out.
        """
        ...

    async def close(self) -> None:
        """Leave every office to whoever asks next, and give up the name: nothing is sent any more."""
        ...


class FileOffices(FilePresence):
    """The offices, and the names, among the processes that share a data directory."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._elections: dict[str, Election] = {}

    async def holds(self, account: str) -> bool:
        """Whether this process is, or now becomes, the account's watcher. Never waits.

        Raises:
            StorageUnavailable: the data directory cannot be written.
        """
        return self._elections.setdefault(account, Election(self._folder, account)).won()

    async def close(self) -> None:
        """Leave every office to whoever asks next, and give up the name."""
        for election in self._elections.values():
            election.resign()
        await super().close()


class Election:
    """One account's office of watcher among the processes that share a data directory."""

    def __init__(self, folder: Path, account: str) -> None:
        self._path = folder / f"watch-{hashlib.sha256(account.encode()).hexdigest()[:12]}.lock"
        self._held: int | None = None

    def won(self) -> bool:
        """Whether this process is, or now becomes, the watcher. Never waits.

        Raises:
            StorageUnavailable: the data directory cannot be written.
        """
        if self._held is None:
            with storage(self._path.parent):
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._held = try_lock(self._path)
        return self._held is not None

    def resign(self) -> None:
        """Leave the office to whoever asks next."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
