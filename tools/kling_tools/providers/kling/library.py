"""Voices and elements as Kling keeps them: own ones and the official library (kling-official 5.4, 5.5).

Both are lists of tasks whose result holds the assets. Bare assets are read as well, and the names of the current API
beside the first ones, because the two appear in each other's answers (kling-official 2.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from kling_tools.model.errors import InvalidArguments, NotAccepted, one_line, quoted
from kling_tools.model.library import Asset, AssetKind, AssetPage, AssetStatus
from kling_tools.providers.dialect import WireAnswer, WireCall
from kling_tools.providers.kling import reading
from kling_tools.providers.kling.envelope import misshapen, unwrapped

PATHS: Mapping[tuple[AssetKind, bool], str] = {
    ("voice", True): "/v1/general/custom-voices",
    ("voice", False): "/v1/general/presets-voices",
    ("element", True): "/v1/general/advanced-custom-elements",
    ("element", False): "/v1/general/advanced-presets-elements",
}
DELETE_PATHS: Mapping[AssetKind, str] = {
    "voice": "/v1/general/delete-voices",
    "element": "/v1/general/delete-advanced-elements",
}
PAGE_SIZE = 100
LARGEST_PAGE = 500
LAST_PAGE = 1000

#: The official tags of elements, which some answers name by number only.
TAGS: Mapping[str, str] = {
    "o_101": "Hottest",
    "o_102": "Character",
    "o_103": "Animal",
    "o_104": "Item",
    "o_105": "Costume",
    "o_106": "Scene",
    "o_107": "Effect",
    "o_108": "Others",
}
_MADE_FROM: Mapping[str, Literal["images", "video"]] = {
    "image_refer": "images",
    "multi_image_elements": "images",
    "video_refer": "video",
    "video_character_elements": "video",
}
_STATUSES: Mapping[str, AssetStatus] = {
    "submitted": "pending",
    "processing": "pending",
    "succeed": "ready",
    "succeeded": "ready",
    "failed": "failed",
    "deleted": "deleted",
}
_KLING = "kling"
_MOST_TAGS = 20
_LONGEST_ADDRESS = 4096
_ID = re.compile(r"[!-~]{1,128}")


def listing(kind: AssetKind, own: bool, page: int = 1, size: int = PAGE_SIZE) -> WireCall:
    """Encode one page of a list, 1..1000, of up to 500 entries (kling-official 2.5)."""
    number, most = max(1, min(page, LAST_PAGE)), max(1, min(size, LARGEST_PAGE))
    path = PATHS[kind, own]
    query = (("pageNum", str(number)), ("pageSize", str(most)))
    return WireCall(method="GET", path=path, query=query, product=path)


def listed(call: WireCall, answer: WireAnswer, kind: AssetKind, own: bool, *, pair: bool = False) -> AssetPage:
    """Read one page; entries that are no assets are passed over.

    Raises:
        ProviderRefused. ProviderBroken: there is no list in it.
    """
    envelope = unwrapped(answer, "legacy", pair=pair)
    entries = _entries(envelope.data, kind)
    if entries is None:
        raise misshapen(envelope, f"has no list of {kind}s")
    found = [asset for entry in reading.records(entries) for asset in assets(entry, kind, own=own)]
    if entries and not reading.records(entries):
        raise misshapen(envelope, f"has no {kind}s in its list")
    query = dict(call.query)
    full = len(entries) >= int(query.get("pageSize", PAGE_SIZE))
    return AssetPage(tuple(found), more=full and int(query.get("pageNum", 1)) < LAST_PAGE)


def assets(entry: Mapping[str, Any], kind: AssetKind, *, own: bool) -> list[Asset]:
    """Return the assets of a list's entry: of a task (either API's task object), or the entry itself.

    A task that is still at work or failed is one asset without an id. Nothing here raises.
    """
    if not _is_task(entry):
        return _every([entry], kind, own)
    result = reading.record(entry.get("task_result")).get(f"{kind}s")
    outputs = [o for o in reading.records(entry.get("outputs")) if o.get("type") == kind]
    if made := _every([*reading.records(result), *outputs], kind, own):
        return made
    status = _status(entry.get("task_status") or entry.get("status"), "ready")
    if status not in ("pending", "failed"):
        return []
    task = reading.text(entry.get("task_id") or entry.get("id"))
    reason = reading.text(entry.get("task_status_msg") or entry.get("message")) if status == "failed" else ""
    name = _line(f"task {task}", 80)
    return [Asset(kind=kind, id="", name=name, description=_line(reason, 240), own=own, status=status)]


def deletion(kind: AssetKind, asset_id: str) -> WireCall:
    """Encode the deletion of an own asset; the id goes as text for both kinds.

    Raises:
        InvalidArguments: that cannot be an id.
    """
    wanted = asset_id.strip()
    if not _ID.fullmatch(wanted):
        raise InvalidArguments(f"{quoted(asset_id, 40)} is not such an id.", advice="list_library shows the ids.")
    path = DELETE_PATHS[kind]
    return WireCall(method="POST", path=path, body={f"{kind}_id": wanted}, product=path)


def deleted(answer: WireAnswer, *, pair: bool = False) -> None:
    """Read the answer to a deletion.

    Raises:
        ProviderRefused: it stays; NotFound: it is not there. ProviderBroken: nobody knows, and it may be asked again.
    """
    envelope = unwrapped(answer, "legacy", pair=pair)
    task = reading.record(envelope.data)
    if _status(task.get("task_status"), "ready") == "failed":
        reason = quoted(reading.text(task.get("task_status_msg")) or "no reason was given")
        raise NotAccepted(f"Kling did not delete it: {reason}.", request_id=envelope.request_id)


def _entries(data: object, kind: AssetKind) -> Sequence[object] | None:
    """Return the list in the data; an empty one for null, which is how some servers write it."""
    if isinstance(data, dict):
        lists = (data[key] for key in (f"{kind}s", "result", "list") if isinstance(data.get(key), list))
        return next(lists, [data] if _is_task(data) or f"{kind}_id" in data else None)
    if data is None:
        return []
    return data if isinstance(data, list) else None


def _is_task(entry: Mapping[str, Any]) -> bool:
    return any(key in entry for key in ("task_result", "outputs", "task_id", "task_status"))


def _every(items: Sequence[Mapping[str, Any]], kind: AssetKind, own: bool) -> list[Asset]:
    read = _voice if kind == "voice" else _element
    return [asset for item in items if (asset := read(item, own)) is not None]


def _voice(item: Mapping[str, Any], own: bool) -> Asset | None:
    asset_id = _id(item.get("voice_id") or item.get("id"))
    if not asset_id:
        return None
    return Asset(
        kind="voice",
        id=asset_id,
        name=_line(item.get("voice_name") or item.get("name"), 80),
        own=_own(item, own),
        status=_status(item.get("status"), "ready"),
        preview=_address(item.get("trial_url") or item.get("url")),
    )


def _element(item: Mapping[str, Any], own: bool) -> Asset | None:
    asset_id = _id(item.get("element_id") or item.get("id"))
    if not asset_id:
        return None
    parts = reading.records(item.get("materials") or item.get("references"))
    voice = reading.record(item.get("element_voice_info"))
    spoken = next((part.get("id") for part in parts if part.get("type") == "voice"), "")
    return Asset(
        kind="element",
        id=asset_id,
        name=_line(item.get("element_name") or item.get("name"), 80),
        description=_line(item.get("element_description") or item.get("description"), 240),
        own=_own(item, own),
        status=_status(item.get("status"), "ready"),
        preview=_preview(item, parts),
        made_from=_MADE_FROM.get(reading.text(item.get("reference_type") or item.get("element_type")), ""),
        voice_id=_id(voice.get("voice_id") or spoken),
        tags=tuple(_tags(item.get("tag_list") or item.get("tags")))[:_MOST_TAGS],
    )


def _preview(item: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> str:
    pictures = reading.record(item.get("element_image_list"))
    videos = reading.records(reading.record(item.get("element_video_list")).get("refer_videos"))
    shown = [p for p in parts if p.get("type") in ("image", "video")]
    shown.sort(key=lambda part: part.get("role") != "frontal")
    candidates = [pictures.get("frontal_image"), *(v.get("video_url") for v in videos), *(p.get("url") for p in shown)]
    return next((address for c in candidates if (address := _address(c))), "")


def _tags(value: object) -> Iterator[str]:
    for tag in value if isinstance(value, list) else []:
        known = reading.record(tag)
        number = _line(known.get("tag_id") or known.get("id") or tag, 40)
        if name := _line(known.get("tag_name") or known.get("name"), 40) or TAGS.get(number, number):
            yield name


def _own(item: Mapping[str, Any], own: bool) -> bool:
    owner = reading.text(item.get("owned_by"))
    return owner.lower() != _KLING if owner else own


def _status(value: object, otherwise: AssetStatus) -> AssetStatus:
    """Return the status; a word that is not documented hides nothing that can be used."""
    return _STATUSES.get(reading.text(value).strip().lower(), otherwise)


def _address(value: object) -> str:
    address = reading.text(value).strip()
    known = address.lower().startswith(("https://", "http://"))
    # A shortened address leads nowhere, so a long one is left out.
    whole = len(address) <= _LONGEST_ADDRESS and address.isprintable() and " " not in address
    return address if known and whole else ""


def _id(value: object) -> str:
    """Return an id, or nothing for what cannot be one: a shortened id names nothing."""
    found = reading.text(value)
    return found if _ID.fullmatch(found) else ""


def _line(value: object, limit: int) -> str:
    return one_line(reading.text(value), limit)
