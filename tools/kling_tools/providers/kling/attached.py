"""Media as they go on the wire: an address, bare base64, or the id of something Kling made itself.

Base64 never has a `data:` prefix, videos and voice samples are never sent along (kling-official 3.1, 11).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence

from kling_tools.model.errors import BadMedia
from kling_tools.model.media import Medium
from kling_tools.model.plan import Order
from kling_tools.model.specs import Reference


def content(medium: Medium | None, name: str) -> str:
    """Return a picture or sound: bare base64, or its address. `name` is what it is called in messages.

    Raises:
        BadMedia: there is neither.
    """
    if medium is not None and medium.data:
        return b64encode(medium.data).decode("ascii")
    if medium is not None and medium.url:
        return medium.url
    raise BadMedia(f"The {name} is missing or empty.", advice="Pass a path, an https URL or a task id.")


def address(medium: Medium | None, name: str) -> str:
    """Return the address of what Kling only fetches itself.

    Raises:
        BadMedia: there is none.
    """
    if medium is not None and medium.url:
        return medium.url
    if medium is not None and medium.data:
        raise BadMedia(f"Kling does not take the {name} as a file.", advice="Pass an https URL or a task id.")
    raise BadMedia(f"The {name} is missing or has no address.", advice="Pass an https URL or a task id.")


def by_id_or_address(medium: Medium | None, name: str, *, kind: str = "video") -> dict[str, str]:
    """Return `video_id` for what Kling made itself, else `video_url`; one of the two is sent (kling-official 4.9).

    `kind` is the start of the address's field: a `voice` may be a sound too, which has no such id.

    Raises:
        BadMedia: there is neither.
    """
    if medium is not None and medium.remote_id and "video" in (kind, medium.kind):
        return {"video_id": medium.remote_id}
    return {f"{kind}_url": address(medium, name)}


def paired(order: Order, references: Sequence[Reference]) -> Iterator[tuple[Reference, Medium | None]]:
    """Yield each reference with its medium; an element is named by its id and has none."""
    media = order.every("reference")
    for reference in references:
        yield reference, None if reference.kind == "element" else next(media, None)
