"""The server put together: which tools a person's settings offer, what it says about itself, and its studio's life."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING

import anyio.to_thread
from mcp.server.extension import Extension

from kling_mcp.asking import seal
from kling_mcp.bridge import OperationServer
from kling_mcp.gallery.offer import gallery
from kling_mcp.house import OpenStudio
from kling_mcp.loading import for_good
from kling_mcp.resources import Shelf
from kling_mcp.tasks import JournalTasks, Tasks
from kling_tools.clock import Clock
from kling_tools.model.requests import SpendingRequest
from kling_tools.operations.all import ALL, offered
from kling_tools.settings import Settings

if TYPE_CHECKING:
    from kling_tools.studio import Studio

NAME = "kling-mcp"

#: Hosts cut at 2 KB, and some show a model nothing but this before it chooses tools.
INSTRUCTIONS = """\
Kling makes short videos, pictures and sound. Everything that is bought takes the same four steps:
1. estimate_cost with the tool's name and arguments: the price and whether they are possible. Free, sends nothing.
2. The tool itself (create_video, edit_video, lip_sync, create_image, ...) with the same arguments: answers at once \
with a task id. This is the only step that costs money.
3. check_status with the task id and wait_seconds=45, again until it says succeeded or failed. Free; it takes minutes.
4. view_video with the task id to see what was made; then give the person the file's path. Free.

Money: above a limit of the person's, their host asks them before a tool buys; where it cannot, the tool refuses: \
tell them the price, ask, and then pass confirm_cost=true. Budgets are hard. The same arguments within 10 minutes \
return the first task instead of buying again; again=true buys once more. After an error that leaves the spending \
open, use list_tasks or check_status; do not create again. Every tool that spends takes model, label, confirm_cost, \
again and wait_seconds as create_video does.
Tasks outlive this chat and this program: list_tasks finds them; cancel_task takes back only what still waits. \
Finished files are on the person's disk.
Without an API key the server works on a built-in imitation: what is marked SIMULATED is not a Kling result and costs \
nothing. Say so to the person.
Media are named by a path, an https URL or a task id (its result; k...#2 the second). In prompts, references are @1, \
@2 in the order given. create_video from_task=ID repeats a task with changes. list_models says what each model can \
do; model=auto chooses. The resource kling://guide tells how to write prompts.
"""


def build_server(
    settings: Settings,
    *,
    clock: Clock | None = None,
    open_studio: OpenStudio | None = None,
    beyond: Sequence[Extension] | None = None,
) -> OperationServer:
    """Return a server for these settings; nothing is opened before it is run.

    Trials open another studio, and offer other things `beyond` the core protocol.
    """

    @asynccontextmanager
    async def opened() -> AsyncIterator[Studio]:
        # Loaded in a thread: a host that asks meanwhile is answered.
        await anyio.to_thread.run_sync(_load_studio)
        from kling_tools.studio import Studio

        async with Studio.open(settings, clock) as studio:
            yield studio

    return OperationServer(
        name=NAME,
        title="Kling",
        version=version(),
        instructions=INSTRUCTIONS,
        log_level=settings.log_level,
        operations=offered(settings),
        open_studio=open_studio or opened,
        shelf=Shelf(settings),
        images=settings.images,
        withheld=[operation.name for operation in ALL],
        request_state_security=seal(settings),
        extensions=extensions() if beyond is None else beyond,
    )


def _load_studio() -> None:
    if "kling_tools.studio" not in sys.modules:
        with for_good():
            import_module("kling_tools.studio")


def extensions() -> list[Extension]:
    """Return what is offered beyond the core protocol; a client that does not know one loses nothing."""
    paid = frozenset(operation.name for operation in ALL if issubclass(operation.request, SpendingRequest))
    return [Tasks(JournalTasks(paid)), gallery()]


def version() -> str:
    """Return the installed version, or 0 when run from a checkout."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed(NAME)
    except PackageNotFoundError:
        return "0"
