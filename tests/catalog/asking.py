"""Asking the catalogue as the studio does: requests, what is known of their media, and the two ways to Kling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_tools.catalog.catalog import Catalog
from kling_tools.model import requests
from kling_tools.model.errors import Impossible
from kling_tools.model.media import Source
from kling_tools.model.plan import Plan, Route, Standard
from kling_tools.model.requests import SpendingRequest

KEY, PAIR = Route("kling", ("standard", "legacy")), Route("kling", ("legacy",))
ROUTES: Mapping[Standard, Route] = {"standard": KEY, "legacy": PAIR}
CATALOG = Catalog.read()
NOTHING: Mapping[str, Source] = {}

#: Every spending tool's request, by the tool's name.
TOOLS: Mapping[str, type[SpendingRequest]] = {
    "create_video": requests.CreateVideo,
    "edit_video": requests.EditVideo,
    "extend_video": requests.ExtendVideo,
    "transfer_motion": requests.TransferMotion,
    "apply_effect": requests.ApplyEffect,
    "lip_sync": requests.LipSync,
    "create_avatar": requests.CreateAvatar,
    "create_speech": requests.CreateSpeech,
    "add_sound": requests.AddSound,
    "create_image": requests.CreateImage,
    "create_element": requests.CreateElement,
    "create_voice": requests.CreateVoice,
}


def film(seconds: float | None = 5.0, width: int = 1280, height: int = 720) -> Source:
    """Return what is known of a video."""
    return Source(kind="video", seconds=seconds, width=width, height=height, has_audio=True)


def picture(width: int = 1280, height: int = 720) -> Source:
    """Return what is known of a picture."""
    return Source(kind="image", width=width, height=height)


def sound(seconds: float | None = 5.0) -> Source:
    """Return what is known of a sound."""
    return Source(kind="audio", seconds=seconds)


def planned(
    tool: str,
    sources: Mapping[str, Source] = NOTHING,
    route: Route = KEY,
    catalog: Catalog = CATALOG,
    **arguments: Any,
) -> Plan:
    """Return what a tool's arguments are decided into."""
    return catalog.plan(TOOLS[tool].model_validate(arguments), sources, route)


def refused(
    tool: str,
    sources: Mapping[str, Source] = NOTHING,
    route: Route = KEY,
    catalog: Catalog = CATALOG,
    **arguments: Any,
) -> Impossible | None:
    """Return what a tool's arguments are refused with, or nothing."""
    try:
        planned(tool, sources, route, catalog, **arguments)
    except Impossible as error:
        return error
    return None


def sentence(tool: str, sources: Mapping[str, Source] = NOTHING, route: Route = KEY, **arguments: Any) -> str:
    """Return the whole sentence of a refusal; nothing where it is not refused."""
    error = refused(tool, sources, route, **arguments)
    return error.sentence() if error else ""
