"""Fields that legacy bodies share (kling-official 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kling_tools.model.errors import Impossible, InvalidArguments, quoted
from kling_tools.model.plan import Order

Body = dict[str, Any]

MODES: Mapping[str, str] = {"720p": "std", "1080p": "pro", "4k": "4k"}

#: Written out where the page has the field; the vendor's defaults are not to be relied on (kling-official 12.9).
NO_WATERMARK: Mapping[str, Any] = {"watermark_info": {"enabled": False}}


def own_id(order: Order) -> Body:
    """Return our own id, which makes a lost answer harmless: every asynchronous call has it (kling-official 12.16).

    With it the address for callbacks, which the same calls take (kling-official 4).
    """
    callback = {"callback_url": order.callback_url} if order.callback_url else {}
    return {"external_task_id": order.external_id, **callback}


def mode(resolution: str) -> str:
    """Return a resolution as the legacy API names it (kling-official 4.2).

    Raises:
        Impossible: it has no name there.
    """
    if found := MODES.get(resolution):
        return found
    raise Impossible(f"Kling's legacy API has no resolution {quoted(resolution, 20)}.", advice="Use an API key.")


def elements(ids: Iterable[str]) -> Body:
    """Return `element_list` with ids as numbers, or nothing without any (kling-official 12.21).

    Raises:
        InvalidArguments: an id is not a number.
    """
    listed = [{"element_id": _number(element)} for element in ids]
    return {"element_list": listed} if listed else {}


def filled(**fields: object) -> Body:
    """Return the fields that say something: no empty text, no None."""
    return {name: value for name, value in fields.items() if value not in ("", None)}


def _number(element: str) -> int:
    if element.isascii() and element.isdigit() and len(element) <= 20:
        return int(element)
    raise InvalidArguments(f"{quoted(element, 40)} is no element id.", advice="list_library kind=elements shows them.")
