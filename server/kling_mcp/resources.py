"""What can be read without a tool: the tasks, the capability map and the guide.

Resources are a convenience. Few hosts show them to a model, so no tool depends on one and nothing is only here.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp.types import Resource, ResourceTemplate

from kling_tools.model.errors import quoted
from kling_tools.model.inputs import megabytes
from kling_tools.model.money import dollars
from kling_tools.model.requests import ListModels, ListTasks, ViewVideo
from kling_tools.operations.answers import TasksFacts, shown
from kling_tools.settings import Settings

if TYPE_CHECKING:
    from kling_tools.studio import Studio

JSON = "application/json"
MARKDOWN = "text/markdown"
NEWEST = 50

VIDEO = "video/mp4"
JPEG = "image/jpeg"
#: A host holds what it reads in memory, as base64, and some give it to a model.
MOST_BYTES = 16 << 20

TASK = re.compile(r"kling://tasks/([A-Za-z0-9_-]{1,64})")
FILM = re.compile(rf"{TASK.pattern}/video")
SHEET = re.compile(rf"{TASK.pattern}/sheet")

OpenedStudio = Callable[[], Awaitable["Studio"]]


@dataclass(frozen=True)
class Book:
    """One resource: how it is listed and how it is read."""

    uri: str
    name: str
    title: str
    description: str
    mime_type: str
    read: Callable[[OpenedStudio], Awaitable[str]]


class Shelf:
    """Every resource of one server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        newest, models = f"The newest {NEWEST} tasks.", "What each model can do, its prices and their date."
        guide = "How to write for Kling; arguments, files, money."
        books = (
            Book("kling://tasks", "tasks", "Tasks", newest, JSON, _tasks),
            Book("kling://models", "models", "Models", models, JSON, _models),
            Book("kling://guide", "guide", "Guide", guide, MARKDOWN, self._guide),
        )
        self._books = {book.uri: book for book in books}

    @property
    def resources(self) -> list[Resource]:
        """Return what is listed."""
        return [
            Resource(uri=b.uri, name=b.name, title=b.title, description=b.description, mime_type=b.mime_type)
            for b in self._books.values()
        ]

    @property
    def templates(self) -> list[ResourceTemplate]:
        """Return the addresses with a name in them."""
        one = "kling://tasks/{task_id}"
        film, sheet = f"{one}/video", f"{one}/sheet"
        told = "One task: status, cost, files, error."
        shown = f"A finished video itself, up to {megabytes(MOST_BYTES)}."
        drawn = "What a finished task made, as one small picture."
        return [
            ResourceTemplate(uri_template=one, name="task", title="Task", description=told, mime_type=JSON),
            ResourceTemplate(uri_template=film, name="video", title="Video", description=shown, mime_type=VIDEO),
            ResourceTemplate(uri_template=sheet, name="sheet", title="Sheet", description=drawn, mime_type=JPEG),
        ]

    async def read(self, uri: str, studio: OpenedStudio) -> tuple[str, str | bytes]:
        """Return the mime type and the content of a resource.

        Raises:
            ResourceNotFoundError: there is no such address.
            UnknownTask: the journal has no such task.
            BadMedia: the task has no video, or it is too large to be handed over.
            EncoderMissing, MediaFailed: it cannot be drawn.
        """
        if match := FILM.fullmatch(uri):
            return VIDEO, await (await studio()).video(match[1], MOST_BYTES)
        if match := SHEET.fullmatch(uri):
            return JPEG, await _sheet(match[1], studio)
        if book := self._books.get(uri):
            return book.mime_type, await book.read(studio)
        if match := TASK.fullmatch(uri):
            open_studio = await studio()
            (task,) = await open_studio.tasks([match[1]])
            return JSON, (await shown([task], open_studio))[0].model_dump_json(indent=1, exclude_none=True)
        raise ResourceNotFoundError(f"There is no resource {quoted(uri, 120)}.")

    async def _guide(self, _: OpenedStudio) -> str:
        text = files("kling_mcp").joinpath("guide.md").read_text("utf-8")
        return f"{text.rstrip()}\n\n## This server\n\n{_here(self._settings)}\n"


async def _tasks(studio: OpenedStudio) -> str:
    open_studio = await studio()
    page = await open_studio.list(ListTasks.model_validate({"limit": NEWEST}))
    tasks = await shown(page.tasks, open_studio)
    told = TasksFacts(
        tasks=tasks,
        total=page.total,
        total_at_least=page.more,
        next_cursor=page.next_cursor,
        unreadable=list(page.unreadable) or None,
    )
    return told.model_dump_json(indent=1, exclude_none=True)


async def _sheet(task_id: str, studio: OpenedStudio) -> bytes:
    open_studio = await studio()
    (task,) = await open_studio.tasks([task_id])
    return (await open_studio.look(ViewVideo.model_validate({"task_id": task.id}))).jpeg


async def _models(studio: OpenedStudio) -> str:
    from kling_tools.operations.capabilities import capability_map

    catalog = await (await studio()).catalog()
    return capability_map(catalog, ListModels.model_validate({})).model_dump_json(indent=1)


def _here(settings: Settings) -> str:
    roots = ", ".join(str(root) for root in settings.input_roots or ())
    lines: dict[str, Any] = {
        "Finished files": settings.output_dir,
        "Pictures are read from": roots or "the directories named under Files",
        "Budget of one call": dollars(settings.max_usd_per_call),
        "Budget of one day": dollars(settings.max_usd_per_day),
        "The person is asked above": dollars(settings.confirm_above_usd),
    }
    if not settings.has_any_key or settings.provider == "sandbox":
        lines["Provider"] = "the sandbox: every result is SIMULATED and costs nothing real"
    return "\n".join(f"- {what}: {value}" for what, value in lines.items())
