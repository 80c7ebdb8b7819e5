"""What can be read without a tool: the tasks, the capability map, prices, the account and the guide.

Resources are a convenience. Few hosts show them to a model, so no tool depends on one and nothing is only here.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, Annotations, Resource, ResourceTemplate

from kling_tools.model.errors import InvalidArguments, KlingError, one_line, quoted
from kling_tools.model.inputs import megabytes
from kling_tools.model.money import dollars
from kling_tools.model.requests import GetAccount, ListModels, ListTasks, ViewVideo
from kling_tools.operations.answers import TaskFacts, TasksFacts
from kling_tools.operations.get_account import GET_ACCOUNT
from kling_tools.operations.showing import shown
from kling_tools.settings import Settings

if TYPE_CHECKING:
    from kling_tools.studio import Studio

JSON = "application/json"
MARKDOWN = "text/markdown"
NEWEST = 50
SCHEME = "kling://"

VIDEO = "video/mp4"
JPEG = "image/jpeg"
#: A host holds what it reads in memory, as base64, and some give it to a model.
MOST_BYTES = 16 << 20

TASK = re.compile(r"kling://tasks/([A-Za-z0-9_-]{1,64})")
FILM = re.compile(rf"{TASK.pattern}/video")
SHEET = re.compile(rf"{TASK.pattern}/sheet")
MODEL = re.compile(r"kling://models/([A-Za-z0-9._-]{1,64})")

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
        prices = "US dollars by model and way of asking, and their date."
        account = "Packs left at the provider, today's budget, spending by day and model."
        guide = "How to write for Kling; arguments, files, money."
        books = (
            Book("kling://tasks", "tasks", "Tasks", newest, JSON, _tasks),
            Book("kling://models", "models", "Models", models, JSON, _models),
            Book("kling://prices", "prices", "Prices", prices, JSON, _prices),
            Book("kling://account", "account", "Account", account, JSON, _account),
            Book("kling://guide", "guide", "Guide", guide, MARKDOWN, self._guide),
        )
        self._books = {book.uri: book for book in books}

    @property
    def resources(self) -> list[Resource]:
        """Return what is always there."""
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
        model, able = "kling://models/{model}", "One model with every detail."
        return [
            ResourceTemplate(uri_template=one, name="task", title="Task", description=told, mime_type=JSON),
            ResourceTemplate(uri_template=film, name="video", title="Video", description=shown, mime_type=VIDEO),
            ResourceTemplate(uri_template=sheet, name="sheet", title="Sheet", description=drawn, mime_type=JPEG),
            ResourceTemplate(uri_template=model, name="model", title="Model", description=able, mime_type=JSON),
        ]

    async def page(self, cursor: str | None, studio: OpenedStudio) -> tuple[list[Resource], str | None]:
        """Return a page of tasks, newest first, and the cursor of the next.

        Raises:
            MCPError: the cursor was not given out.
        """
        asked: dict[str, Any] = {"limit": NEWEST, **({"cursor": _opened(cursor)} if cursor else {})}
        try:
            page = await (await studio()).list(ListTasks.model_validate(asked))
        except InvalidArguments:
            raise MCPError(INVALID_PARAMS, "The cursor is not one that this list gave out.") from None
        except KlingError:
            if cursor:
                raise
            return [], None  # without a journal there are no tasks to list; what is read says why
        listed = [_listed(task) for task in await shown(page.tasks, await studio())]
        return listed, page.next_cursor and urlsafe_b64encode(page.next_cursor.encode()).decode()

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
        if match := MODEL.fullmatch(uri):
            return JSON, await _model(match[1], studio)
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


async def _model(name: str, studio: OpenedStudio) -> str:
    from kling_tools.operations.capabilities import capability_map

    catalog = await (await studio()).catalog()
    try:
        found = capability_map(catalog, ListModels.model_validate({"model": name}))
    except InvalidArguments as error:
        raise ResourceNotFoundError(error.message) from None
    return found.models[0].model_dump_json(indent=1)


async def _prices(studio: OpenedStudio) -> str:
    from kling_tools.operations.capabilities import capability_map

    every = capability_map(await (await studio()).catalog(), ListModels.model_validate({}))
    told = {
        "usd": {model.model: model.prices or "not known" for model in every.models},
        "checked": every.checked,
        "source": every.source,
        "exactly": "estimate_cost tells what a call would cost, and sends nothing.",
    }
    return json.dumps(told, indent=1)


async def _account(studio: OpenedStudio) -> str:
    answer = await GET_ACCOUNT.run(await studio(), GetAccount.model_validate({}), _nobody)
    return answer.facts.model_dump_json(indent=1, exclude_none=True)


async def _nobody(done: float, total: float | None, message: str) -> None:
    """Take progress that nobody asked for."""


def _listed(task: TaskFacts) -> Resource:
    mark = ", SIMULATED" if task.simulated else ""
    return Resource(
        uri=task.resource_uri,
        name=task.task_id,
        title=one_line(task.label or task.prompt or task.tool, 80),
        description=f"{task.status}{mark}, {task.tool}, {task.model}, {task.created[:16].replace('T', ' ')}",
        mime_type=JSON,
        annotations=Annotations(last_modified=task.updated),
    )


def _opened(cursor: str) -> str:
    try:
        return urlsafe_b64decode(cursor.encode()).decode()[:200]
    except ValueError:
        return "?"  # no cursor of ours, and refused as such


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
