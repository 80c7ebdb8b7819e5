"""Words that are to be spoken: whose voice, which language, and about how long it takes (kling-official 5.1)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Literal

from kling_tools.catalog.ask import Share, Span, between, too_long
from kling_tools.catalog.data import Model, ServiceOffer, Tables
from kling_tools.model.errors import quoted
from kling_tools.model.inputs import SoundLimits
from kling_tools.model.specs import Speech

Language = Literal["zh", "en"]

_CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
#: Characters a second, roughly: nobody has written it down, and a price is only estimated with it.
_PACE: dict[Language, float] = {"en": 15.0, "zh": 4.5}
#: Speech takes at least and at most so much of what the pace says; numbers and short forms take longer.
_QUICK, _SLOW, _VERY_SLOW = 0.7, 1.5, 3.0
_NAMES: dict[Language, str] = {"en": "English", "zh": "Chinese"}
#: Bought before what it is for: its row is in the price table under this model.
SPEECH = Share(feature="use", model="kling-speech")


def language_of(text: str) -> Language:
    """Return the language that a text is spoken in; Kling knows these two."""
    return "zh" if _CHINESE.search(text) else "en"


def known_voices(tables: Tables) -> list[tuple[Language, str]]:
    """Return the voices known here, the one that is taken by itself first in its language."""
    known = (o.known for m in tables.model if m.enabled for o in m.offer if o.product == "speech")
    return [("zh" if k.startswith("zh:") else "en", k.partition(":")[2]) for ids in known for k in ids]


def spoken(text: str, voice: str, tables: Tables, speed: float = 1.0) -> tuple[Speech, tuple[str, ...]]:
    """Return the words with a voice and its language, and what was decided about them."""
    language, voice, known = language_of(text), voice.strip(), known_voices(tables)
    own: list[Language] = [spoken_in for spoken_in, v in known if v == voice]
    notes: tuple[str, ...] = ()
    if not known:
        notes = ()
    elif not voice:
        voice = next((v for spoken_in, v in known if spoken_in == language), "")
        notes = (f"The voice is {voice}, in {_NAMES[language]}; voice=... takes another.",)
    elif not own:
        notes = (f"The voice {quoted(voice, 60)} is not among those known here; it may exist all the same.",)
    elif language not in own:
        language = own[0]
        notes = (f"The voice {voice} speaks {_NAMES[language]} only.",)
    taken = round(speed, 1)
    if taken != speed:
        notes = (*notes, f"Kling takes one decimal of speed, so it is {taken:g}.")
    return Speech(text=text, voice=voice, language=language, speed=taken), notes


def text_problems(model: Model, offer: ServiceOffer, text: str, sound: SoundLimits | None = None) -> Iterator[str]:
    """Yield why a text cannot be spoken; `sound` is what the speech has to be like for what it is put on."""
    if not offer.text_max:
        yield f"{model.name} speaks no text here: give audio"
        return
    if not text.strip():
        yield "text is empty"
    yield from too_long(model, "text", text, offer.text_max)
    if sound is None:
        return
    about = paced(text)
    if about * _QUICK > sound.max_seconds:
        yield f"{model.name} takes at most {sound.max_seconds:g} s of speech; this text takes about {about:.0f} s"
    if about * _VERY_SLOW < sound.min_seconds:
        yield f"{model.name} takes at least {sound.min_seconds:g} s of speech; this text is too short"


def length_span(text: str, sound: SoundLimits) -> Span:
    """Return how long a text takes, in whole seconds between what is likely and what is taken at all."""
    about = paced(text)
    low = min(max(math.floor(about * _QUICK), sound.min_seconds), sound.max_seconds)
    high = min(max(math.ceil(about * _SLOW), sound.min_seconds), sound.max_seconds)
    return between(low, high)


def paced(text: str) -> float:
    """Return about how many seconds a text takes to say."""
    chinese = len(_CHINESE.findall(text))
    return chinese / _PACE["zh"] + (len(text) - chinese) / _PACE["en"]
