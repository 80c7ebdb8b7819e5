"""What a result is called on disk: found again by a person, safe on every system, never longer than it may be."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from kling_tools.clock import local_day
from kling_tools.model.errors import StorageUnavailable, quoted
from kling_tools.model.tasks import Task

MAX_BYTES = 120
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
SOUNDS = (".mp3", ".wav", ".m4a", ".aac")
#: What a kind of result may end on, the usual one first.
_ENDINGS = {
    "record": (".json",),
    "video": (".mp4",),
    "image": PICTURES,
    "element": PICTURES,
    "audio": SOUNDS,
    "voice": SOUNDS,
}
_LONGEST_ENDING = max(len(ending) for endings in _ENDINGS.values() for ending in endings)
_FORBIDDEN = frozenset('<>:"/\\|?*')
_WINDOWS = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³")})


def file_name(task: Task, index: int, kind: str, *, url: str = "") -> str:
    """Return the name of a task's n-th result, counted from 1: date, words, task id; 120 bytes at most.

    The words are those of the label or the prompt; the id is as short as tells it from every earlier task's. Tasks of
    earlier versions have no such short form: their names are as they were. The name begins with a digit, so it is no
    hidden file, no option and none of Windows' reserved names. It ends as the result's address does where that fits the
    kind, else as the kind usually does.
    """
    number = f"-{index}" if index > 1 else ""
    identity = f"({'simulated ' if task.simulated else ''}{_words(task.short or task.id, 40).replace(' ', '')}{number})"
    ending = _ending(kind, url)
    date = local_day(task.created).isoformat()
    # Whatever it ends on: what belongs together is called the same.
    room = MAX_BYTES - len(f"{date}  {identity}".encode()) - _LONGEST_ENDING
    told = (task.label if task.short else "") or task.plan.words
    words = _words(told, room) or _words(task.plan.tool.replace("_", " "), room)
    return f"{date} {words} {identity}{ending}"


def _ending(kind: str, url: str) -> str:
    known = _ENDINGS.get(kind, ("",))
    try:
        told = PurePosixPath(urlsplit(url).path).suffix.lower()
    except ValueError:
        return known[0]
    return told if told in known else known[0]


def _words(text: str, most: int) -> str:
    """Return the letters, marks and digits of a text as words, cut between two of them to `most` bytes."""
    kept = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in unicodedata.normalize("NFC", text[:1000]))
    # Marks alone, as emoji leave them, are nothing to see.
    words = " ".join(word for word in kept.split() if any(unicodedata.category(c)[0] != "M" for c in word))
    cut = words.encode(errors="ignore")[:most].decode(errors="ignore")
    if len(cut) < len(words) and words[len(cut)] != " " and " " in cut:
        whole = cut.rpartition(" ")[0]
        cut = whole if len(whole) * 2 > len(cut) else cut  # a language without spaces is cut where it must be
    return cut.strip()


def plain_name(name: str) -> str:
    """Return the name if it is one that stays in its directory on every system.

    Raises:
        StorageUnavailable: it is empty, a path, hidden, reserved or too long.
    """
    parts = name.split(".")
    hostile = any(c in _FORBIDDEN or unicodedata.category(c)[0] == "C" for c in name)
    reserved = parts[0].strip().lower() in _WINDOWS
    if hostile or reserved or not parts[0] or name != name.strip(" .") or len(name.encode(errors="replace")) > 200:
        raise StorageUnavailable(f"{quoted(name, 80)} cannot be a file's name.")
    return name
