"""What a host offers while a person types an argument of a prompt or an address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from mcp.types import Completion

from kling_tools.model.media import TASK_ID
from kling_tools.model.requests import ListModels, ListTasks

if TYPE_CHECKING:
    from kling_tools.studio import Studio

#: As many as the protocol lets be offered.
MOST = 100
#: How far back tasks are offered.
TASKS = 100


async def complete(argument: str, typed: str, tool: str, studio: Callable[[], Awaitable[Studio]]) -> Completion:
    """Return what an argument may be, the likely first; nothing for one that is free. `tool` narrows models to its own.

    Raises:
        KlingError: the studio or its catalogue cannot be opened.
    """
    source = _SOURCES.get(argument)
    if source is None:
        return Completion(values=[], total=0, has_more=False)
    every = await source(await studio(), typed, tool)
    return Completion(values=every[:MOST], total=len(every), has_more=len(every) > MOST)


def _fitting(values: Iterable[str], typed: str) -> list[str]:
    """Return the values with what was typed in them; those that begin with it come first."""
    wanted = typed.casefold()
    found = [value for value in dict.fromkeys(values) if wanted in value.casefold()]
    return sorted(found, key=lambda value: not value.casefold().startswith(wanted))


async def _models(studio: Studio, typed: str, tool: str) -> list[str]:
    from kling_tools.operations.capabilities import capability_map

    able = capability_map(await studio.catalog(), ListModels.model_validate({"tool": tool or None}))
    return _fitting([model.model for model in able.models] + ([] if tool == "" else ["auto"]), typed)


async def _providers(studio: Studio, typed: str, tool: str) -> list[str]:
    return _fitting(["auto", *studio.providers], typed)


async def _voices(studio: Studio, typed: str, tool: str) -> list[str]:
    from kling_tools.catalog.voices import known_voices

    return _fitting([voice for _, voice in known_voices((await studio.catalog()).tables)], typed)


async def _effects(studio: Studio, typed: str, tool: str) -> list[str]:
    from kling_tools.operations.capabilities import capability_map

    able = capability_map(await studio.catalog(), ListModels.model_validate({"tool": "apply_effect"}))
    return _fitting([scene for scenes in able.scenes.values() for scene in scenes], typed)


async def _ratios(studio: Studio, typed: str, tool: str) -> list[str]:
    from kling_tools.operations.capabilities import capability_map

    able = capability_map(await studio.catalog(), ListModels.model_validate({"tool": tool or "create_video"}))
    return _fitting([ratio for model in able.models for ratio in model.aspect_ratios], typed)


async def _tasks(studio: Studio, typed: str, tool: str) -> list[str]:
    """Return tasks by the beginning of their id, or by words in their prompt or label."""
    newest = (await studio.list(ListTasks.model_validate({"limit": TASKS}))).tasks
    by_id = [task.id for task in newest if task.id.startswith(typed)]
    if by_id or TASK_ID.fullmatch(typed):
        return by_id
    return [task.id for task in (await studio.list(ListTasks.model_validate({"query": typed[:200]}))).tasks]


_SOURCES: dict[str, Callable[[Studio, str, str], Awaitable[list[str]]]] = {
    "model": _models,
    "provider": _providers,
    "voice": _voices,
    "effect": _effects,
    "aspect_ratio": _ratios,
    "task_id": _tasks,
}
