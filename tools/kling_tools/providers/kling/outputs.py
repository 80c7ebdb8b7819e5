"""The results of a finished task in both shapes, in our words: one reader for each kind (kling-official 2.3, 2.4).

The standards name the same things differently, and each answer may show tasks of the other (kling-official 2.3, 12.24).
A result without an address is dropped, except voices and elements, which are their id. Copies with a watermark are
passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kling_tools.model.errors import one_line
from kling_tools.model.tasks import RemoteOutput
from kling_tools.providers.kling import reading

Item = Mapping[str, Any]
#: Names are a person's words or upstream's: data, and bounded. Kling takes 20 characters (kling-official 5.4).
LONGEST_NAME = 100


def of_current(task: Item) -> tuple[RemoteOutput, ...]:
    """Return the results of a task of the current API, each by its `type`; a type we do not know is passed over."""
    if not task.get("outputs"):  # thousands that run are read at every look
        return ()
    return _kept(
        output
        for item in reading.records(task.get("outputs"))
        if (read := _READERS.get(reading.text(item.get("type")))) is not None
        for output in read(item)
    )


def of_legacy(result: Item) -> tuple[RemoteOutput, ...]:
    """Return the results of a legacy task: videos first, so that a video with sound comes before the sound alone."""
    return _kept(
        output
        for key, kind in _LISTS.items()
        for item in reading.records(result.get(key))
        for output in _READERS[kind](item)
    )


def _video(item: Item) -> Iterator[RemoteOutput]:
    length = reading.seconds(item.get("duration"))
    remote_id = reading.text(item.get("id"))
    yield RemoteOutput(kind="video", url=reading.text(item.get("url")), seconds=length, remote_id=remote_id)


def _image(item: Item) -> Iterator[RemoteOutput]:
    """Return the picture, or the three of other views; a part that was looked for and is not there is none."""
    if _denied(item.get("is_contain")):
        return
    name = _name(item.get("type"))
    urls = dict.fromkeys(reading.text(item.get(key)) for key in ("url", "url_1", "url_2", "url_3"))
    for url in urls:
        yield RemoteOutput(kind="image", url=url, name="" if name == "image" else name)


def _audio(item: Item) -> Iterator[RemoteOutput]:
    """Return the sound as MP3 where there is one. Speech, effects and the current API each name it in their way."""
    names = (("url_mp3", "duration_mp3"), ("mp3_url", "mp3_duration"), ("url", "duration"))
    for url_name, length_name in (*names, ("url_wav", "duration_wav"), ("wav_url", "wav_duration")):
        if url := reading.text(item.get(url_name)):
            length = reading.seconds(item.get(length_name))
            remote_id = reading.text(item.get("id"))
            if length is None:
                length = reading.seconds(item.get("duration"))
            yield RemoteOutput(kind="audio", url=url, seconds=length, remote_id=remote_id)
            return


def _voice(item: Item) -> Iterator[RemoteOutput]:
    yield RemoteOutput(
        kind="voice",
        url=reading.text(item.get("trial_url") or item.get("url")),
        remote_id=reading.text(item.get("voice_id") or item.get("id")),
        name=_name(item.get("voice_name") or item.get("name")),
    )


def _element(item: Item) -> Iterator[RemoteOutput]:
    yield RemoteOutput(
        kind="element",
        url=next(_looks(item), ""),
        remote_id=reading.text(item.get("element_id") or item.get("id")),
        name=_name(item.get("element_name") or item.get("name")),
    )


def _looks(item: Item) -> Iterator[str]:
    """Yield addresses that show an element, the frontal picture first."""
    pictures = reading.record(item.get("element_image_list"))
    clips = reading.record(item.get("element_video_list"))
    parts = [p for p in reading.records(item.get("materials") or item.get("references")) if p.get("type") != "voice"]
    parts.sort(key=lambda part: part.get("role") != "frontal")
    shown = (
        pictures.get("frontal_image"),
        *(part.get("image_url") for part in reading.records(pictures.get("refer_images"))),
        *(part.get("video_url") for part in reading.records(clips.get("refer_videos"))),
        *(part.get("url") for part in parts),
    )
    return (url for found in shown if (url := reading.text(found)))


_READERS = {"video": _video, "image": _image, "audio": _audio, "voice": _voice, "element": _element}
_LISTS = {
    "videos": "video",
    "images": "image",
    "series_images": "image",
    "audios": "audio",
    "voices": "voice",
    "elements": "element",
}


def _kept(outputs: Iterable[RemoteOutput]) -> tuple[RemoteOutput, ...]:
    return tuple(o for o in outputs if o.url or (o.kind in {"voice", "element"} and o.remote_id))


def _name(value: object) -> str:
    return one_line(reading.text(value), LONGEST_NAME)


def _denied(value: object) -> bool:
    """Whether a yes-or-no field says no; a missing one does not."""
    return value is False or (value is not None and reading.text(value).strip().lower() in {"false", "0", "no"})
