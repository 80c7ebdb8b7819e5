"""The element library: own elements, official ones, and their deletion (kling-official 5.5).

An element has the id of the task that made it. Its pictures and its video are kept and served as copies.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from kling_sandbox import fields, library, painting, prints, sounding, voices
from kling_sandbox.config import SandboxConfig
from kling_sandbox.desk import Desk
from kling_sandbox.envelope import invalid
from kling_sandbox.fields import Body
from kling_sandbox.inputs import Footage
from kling_sandbox.library import KLING, Preset
from kling_sandbox.painting import Sketch
from kling_sandbox.pictures import ELSEWHERE, Kept
from kling_sandbox.product import JSON, Address, Asked, Endpoint, Product, Workshop
from kling_sandbox.tasks import Media, Purchase, Task

CUSTOM: Final = "/v1/general/advanced-custom-elements"
VIDEO_ELEMENT: Final = "video_character_elements"
IMAGE_ELEMENT: Final = "multi_image_elements"
KINDS: Final = {"image_refer": IMAGE_ELEMENT, "video_refer": VIDEO_ELEMENT}
NAME_MAX: Final = 20
DESCRIPTION_MAX: Final = 100
REFERENCES_MAX: Final = 3
VIDEO_SECONDS: Final = (3.0, 8.0)
SECONDS: Final = 5.0  # seen for one element (kling-official 2.6)
REFER_VIDEO: Final = "refer.mp4"

TAGS: Final[dict[str, str]] = {
    "o_101": "Hottest",
    "o_102": "Character",
    "o_103": "Animal",
    "o_104": "Item",
    "o_105": "Costume",
    "o_106": "Scene",
    "o_107": "Effect",
    "o_108": "Others",
}
PRESETS: Final[dict[str, Preset]] = {
    preset.id: preset
    for preset in (
        Preset("829900000000000001", "Paper fox", "A fox folded from orange paper"),
        Preset("829900000000000002", "Tin robot", "A small robot of painted tin"),
        Preset("829900000000000003", "Red kettle", "A red enamel kettle with a long spout"),
        Preset("829900000000000004", "Harbour", "A small harbour with wooden boats"),
    )
}


def products(config: SandboxConfig) -> tuple[Product, ...]:
    """Return the products of this room."""
    desk = Desk(config)  # a reader of deletions and voices; the tasks are in the state directory

    def outputs(task: Task, address: Address) -> list[JSON]:
        return [_output(desk, task, address)]

    def result(task: Task, address: Address) -> JSON:
        return {"elements": [_shown(desk, task, address)]}

    return (Product(path=CUSTOM, read=read, outputs=outputs, result=result, draw=draw),)


def read(body: Body, desk: Desk) -> Purchase:
    """Read POST /v1/general/advanced-custom-elements."""
    name = _bounded(body, "element_name", NAME_MAX)
    kind = fields.needed(body, "reference_type", tuple(KINDS))
    voice = fields.text(body, "element_voice_id")
    if voice and not voices.known(desk, voice):
        raise invalid(f"element_voice_id: {voice[:60]} not found")
    settings: JSON = {
        "element_name": name,
        "element_description": _bounded(body, "element_description", DESCRIPTION_MAX),
        "reference_type": kind,
        "element_kind": KINDS[kind],
        "element_voice_id": voice,
        "tags": _tags(body),
        "words": name,
        "label": "Element",
    }
    failure = ""
    if kind == "image_refer":
        given = _references(body, desk)
        settings["images"] = [one.name for one in given]
        media = tuple(_copy(desk, one, place) for place, one in enumerate(given))
        failure = prints.failure_of(*given)
    else:
        footage = _video(body, desk)
        settings["video"] = footage.name
        media = (_video_copy(footage),)
        # Speech in the video makes a voice too (kling-official 5.5); of a video elsewhere nothing is known.
        if not voice and footage.known and footage.sound:
            settings["voice_name"] = name
            media = (*media, voices.TRIAL)
    return Purchase(
        model="element",
        units="0",  # elements are free (kling-official 10.2)
        settings=settings,
        media=media,
        makes_in=SECONDS,
        external_id=fields.text(body, "external_task_id"),
        callback_url=fields.text(body, "callback_url"),
        failure=failure,
    )


def presets(asked: Asked) -> list[JSON]:
    """GET /v1/general/advanced-presets-elements: one page of the official library."""
    return [
        library.preset_task(one, {"elements": [_preset(one)]})
        for one in library.preset_page(asked, tuple(PRESETS.values()), 500)
    ]


def delete(asked: Asked) -> JSON:
    """POST /v1/general/delete-advanced-elements: custom elements only, by their id as a string."""
    return library.delete(asked, "element_id", CUSTOM, PRESETS)


def known(desk: Desk, element_id: str) -> bool:
    """Tell whether an element can be used: an official one, or an own one that is ready and not deleted."""
    return element_id in PRESETS or library.made(desk, element_id, CUSTOM) is not None


def used_ids(body: Body, desk: Desk) -> list[str]:
    """Read a legacy `element_list`: int64 ids of elements that exist (kling-official 4.3, 6)."""
    ids = []
    for part in fields.objects(body, "element_list"):
        id = part.get("element_id")
        if isinstance(id, bool) or not isinstance(id, int):
            raise invalid("element_list: element_id must be an integer")
        if not known(desk, str(id)):
            raise invalid(f"element_list: element {str(id)[:40]} not found")
        ids.append(str(id))
    return ids


def draw(workshop: Workshop, task: Task, name: str, work: Path) -> Path:
    """Copy what the element was made of; what lies elsewhere is a card that names the host."""
    if name == voices.TRIAL.name:
        return voices.draw(workshop, task, name, work)
    one = task.named(name)
    assert one is not None
    if one.kind == "video":
        given = str(task.settings["video"])
    else:
        given = task.settings["images"][task.media("image").index(one)]
    if file := workshop.input(given):
        return Path(shutil.copyfile(file, work / name))
    sketch = Sketch(words=task.settings["words"], facts="Element", host=given.removeprefix(ELSEWHERE))
    if one.kind == "image":
        return painting.paint(work / name, (one.width, one.height), sketch)
    card = painting.paint(work / "card.jpg", (one.width, one.height), sketch)
    return sounding.still(workshop.ffmpeg, work / name, card, one.seconds)


ENDPOINTS: Final = (
    Endpoint(method="GET", path="/v1/general/advanced-presets-elements", answer=presets),
    Endpoint(method="POST", path="/v1/general/delete-advanced-elements", answer=delete),
)


def _bounded(body: Body, field: str, most: int) -> str:
    value = fields.needed(body, field)
    if len(value) > most:
        raise invalid(f"{field} is too long: {len(value)} characters, at most {most}")
    return value


def _tags(body: Body) -> list[str]:
    return [fields.needed(part, "tag_id", tuple(TAGS)) for part in fields.objects(body, "tag_list")]


def _references(body: Body, desk: Desk) -> list[Kept]:
    pictures = fields.obj(body, "element_image_list")
    sources = [fields.needed(pictures, "frontal_image")]
    others = [fields.needed(part, "image_url") for part in fields.objects(pictures, "refer_images")]
    if not 1 <= len(others) <= REFERENCES_MAX:
        raise invalid(f"element_image_list: refer_images needs 1 to {REFERENCES_MAX} images")
    return [desk.inputs.picture(source, "element_image_list", legacy=True) for source in [*sources, *others]]


def _video(body: Body, desk: Desk) -> Footage:
    parts = fields.objects(fields.obj(body, "element_video_list"), "refer_videos")
    if len(parts) != 1:
        raise invalid("element_video_list: refer_videos needs exactly 1 video")
    footage = desk.inputs.video(fields.needed(parts[0], "video_url"), "video_url")
    if footage.known:
        least, most = VIDEO_SECONDS
        if not least <= footage.seconds <= most:
            raise invalid(f"video_url: the video lasts {footage.seconds:g} s, it needs {least:g} to {most:g} s")
        if sorted((footage.width, footage.height)) != [1080, 1920]:
            raise invalid("video_url: the video needs 1080p and 16:9 or 9:16")
    return footage


def _copy(desk: Desk, kept: Kept, place: int) -> Media:
    width, height = prints.input_size(desk, kept.name) or prints.UNKNOWN_SIZE
    suffix = Path(kept.name).suffix if not kept.name.startswith(ELSEWHERE) else ".jpg"
    stem = "frontal" if place == 0 else f"refer-{place}"
    return Media(kind="image", name=f"{stem}{suffix}", width=width, height=height)


def _video_copy(footage: Footage) -> Media:
    return Media(
        kind="video",
        name=REFER_VIDEO,
        seconds=footage.seconds,
        width=footage.width,
        height=footage.height,
        sound=footage.known and footage.sound,
    )


def _voice(desk: Desk, task: Task, address: Address) -> JSON | None:
    own = task.id if "voice_name" in task.settings else ""
    voice_id = task.settings["element_voice_id"] or own
    return voices.describe(desk, voice_id, address) if voice_id else None


def _shown(desk: Desk, task: Task, address: Address) -> JSON:
    """Show an element as legacy answers do: its id is an integer there (kling-official 2.4)."""
    settings = task.settings
    urls = [address(task, one.name) for one in task.media("image")]
    shown: JSON = {
        "element_id": int(task.id),
        "element_name": settings["element_name"],
        "element_description": settings["element_description"],
        "reference_type": settings["reference_type"],
        "tag_list": _tag_list(settings["tags"]),
        "owned_by": library.CREATOR,
        "status": "deleted" if library.deleted(desk, task.id) else "succeed",
    }
    if urls:
        others = [{"image_url": url} for url in urls[1:]]
        shown["element_image_list"] = {"frontal_image": urls[0], "refer_images": others}
    else:
        shown["element_video_list"] = {"refer_videos": [{"video_url": address(task, REFER_VIDEO)}]}
    if voice := _voice(desk, task, address):
        shown["element_voice_info"] = voice
    return shown


def _output(desk: Desk, task: Task, address: Address) -> JSON:
    """Show an element as `outputs` of GET /tasks: its parts are `references` there (kling-official 2.3)."""
    parts: list[JSON] = [
        {"type": "image", "role": "reference" if place else "frontal", "url": address(task, one.name)}
        for place, one in enumerate(task.media("image"))
    ]
    parts += [{"type": "video", "role": "reference", "url": address(task, one.name)} for one in task.media("video")]
    if voice := _voice(desk, task, address):
        named = {"id": voice["voice_id"], "name": voice["voice_name"], "owned_by": voice["owned_by"]}
        parts.append({"type": "voice", "url": voice["trial_url"], **named})
    return {
        "type": "element",
        "id": task.id,
        "name": task.settings["element_name"],
        "description": task.settings["element_description"],
        "element_type": task.settings["element_kind"],
        "references": parts,
        "owned_by": library.CREATOR,
        "status": "deleted" if library.deleted(desk, task.id) else "succeeded",
        "tags": _tag_list(task.settings["tags"]),
    }


def _preset(preset: Preset) -> JSON:
    frontal, other = (f"{library.PRESET_HOST}/{preset.id}/{name}.png" for name in ("frontal", "refer-1"))
    return {
        "element_id": int(preset.id),
        "element_name": preset.name,
        "element_description": preset.description,
        "reference_type": "image_refer",
        "element_image_list": {"frontal_image": frontal, "refer_images": [{"image_url": other}]},
        "tag_list": _tag_list(["o_101"]),
        "owned_by": KLING,
        "status": "succeed",
    }


def _tag_list(ids: list[str]) -> list[JSON]:
    return [{"id": id, "name": TAGS[id], "description": ""} for id in ids]
