"""A running server's studio: opened late, kept until the end, and heard by whoever shows its tasks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio

from kling_mcp.callers import calling

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from kling_tools.studio import Studio

log = logging.getLogger(__name__)

OpenStudio = Callable[[], "AbstractAsyncContextManager[Studio]"]


class House:
    """What a running server has: its studio, which opens on first use or shortly after the start, or why it did not.

    The studio's rooms take longer to load than everything else of a start, and no host waits for them: it greets and
    asks for the list of tools. Without a studio the server still answers, and says why. `on_open` takes the studio
    before anybody else.
    """

    def __init__(self, on_open: Callable[[Studio], None]) -> None:
        self._on_open = on_open
        self._wanted = anyio.Event()
        self._known = anyio.Event()
        self._over = anyio.Event()
        self._opened: Studio | Exception | None = None

    async def studio(self) -> Studio:
        """Return the studio as the caller of this request has it, or raise what kept it from opening."""
        self._wanted.set()
        await self._known.wait()
        if isinstance(self._opened, Exception):
            raise self._opened.with_traceback(None)
        assert self._opened is not None
        return self._opened.for_caller(calling())

    async def keep(self, open_studio: OpenStudio, idle: float) -> None:
        """Hold a studio open until `leave`; also unasked after `idle` seconds, to resume what is unfinished."""
        # A studio closes in its own time: a cancelled session must not cut its last writes.
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(idle):
                await self._wanted.wait()
            if self._over.is_set():
                return
            try:
                async with open_studio() as studio:
                    self._on_open(studio)
                    self._tell(studio)
                    await self._over.wait()
            except Exception as error:
                log.error("the studio failed: %s", error)
                self._tell(error)

    def leave(self) -> None:
        """Let the studio close."""
        self._over.set()
        self._wanted.set()

    def _tell(self, opened: Studio | Exception) -> None:
        self._opened = opened
        self._known.set()
