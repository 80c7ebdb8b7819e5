"""Speech, lips that follow it, talking portraits, and sound (kling-official 4.9, 4.10, 5.1-5.3)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kling_tools.catalog.ask import Ask, Draft, Share, Span, between, too_long
from kling_tools.catalog.data import Model, ServiceOffer
from kling_tools.catalog.fitting import length_of, own_problems, picture_problems, sound_problems, video_problems
from kling_tools.catalog.voices import SPEECH, known_voices, length_span, paced, spoken, text_problems
from kling_tools.model.plan import Input, Standard
from kling_tools.model.requests import AddSound, CreateAvatar, CreateSpeech, LipSync
from kling_tools.model.specs import AvatarSpec, LipSyncSpec, Product, SoundSpec, Speech, SpeechSpec

#: A sound from words, where nobody says how long.
SOUND_SECONDS = 5.0
#: What has to be left of the video for a sound to go onto (kling-official 4.9).
LEAST_SECONDS = 2.0


@dataclass(frozen=True)
class SpeechAsk(Ask[CreateSpeech]):
    """Words, spoken."""

    tool = "create_speech"

    @property
    def products(self) -> Sequence[Product]:
        """There is one for it."""
        return ("speech",)

    def problems(self, model: Model, offer: ServiceOffer, standard: Standard) -> Iterator[str]:
        """Yield what stands in the way of saying it."""
        yield from text_problems(model, offer, self.request.text)

    def draft(self, model: Model, offer: ServiceOffer, standard: Standard) -> Draft:
        """Return the words with a voice; a call costs the same whatever is said."""
        speech, notes = spoken(self.request.text, self.request.voice, self.tables, self.request.speed)
        return Draft(spec=SpeechSpec(speech=speech), shares=(Share(feature="use"),), notes=notes)

    def variants(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Try less text."""
        yield from _shorter(self)


@dataclass(frozen=True)
class LipSyncAsk(Ask[LipSync]):
    """Speech or a sound onto a face in a video: words are bought first, then faces are looked for, then the task."""

    tool = "lip_sync"

    @property
    def products(self) -> Sequence[Product]:
        """There is one for it."""
        return ("lip-sync",)

    def problems(self, model: Model, offer: ServiceOffer, standard: Standard) -> Iterator[str]:
        """Yield what stands in the way: the video, the words or the sound, and when they begin."""
        request = self.request
        yield from own_problems(self, offer, standard, request.video, "video")
        if offer.direct:
            yield from self._of_direct(model)
        if offer.video is not None and not offer.own:  # what a provider made itself it also takes
            yield from video_problems(self, offer.video, request.video, "video")
        if request.text.strip():
            yield from text_problems(model, offer, request.text, offer.audio)
        elif offer.audio is not None and request.audio:
            yield from sound_problems(self, offer.audio, request.audio, "audio")
        video = length_of(self, request.video) or (offer.video.max_seconds if offer.video else None)
        if video and request.at_seconds is not None and request.at_seconds > video - LEAST_SECONDS:
            yield (
                f"at_seconds={request.at_seconds:g} leaves less than {LEAST_SECONDS:g} s of a video of {video:g} s: "
                "the sound has to begin earlier"
            )

    def draft(self, model: Model, offer: ServiceOffer, standard: Standard) -> Draft:
        """Return the lips on their video; the price has a part for every call."""
        request = self.request
        assert offer.video is not None
        limits = None if offer.own else offer.video  # what is named by its maker's id is not sent
        inputs = [Input(role="video", kind="video", text=request.video, name="video", limits=limits)]
        speech, notes = _words(self)
        if request.audio:
            inputs.append(Input(role="audio", kind="audio", text=request.audio, name="audio", limits=offer.audio))
        known = length_of(self, request.video)
        # A clip of 5 s is 5.04 s long in its file: whether that begins another five seconds is not known.
        span = between(known - 0.1, known) if known else between(offer.video.min_seconds, offer.video.max_seconds)
        task = Share(feature="use", seconds=span, rough=True)
        return Draft(
            spec=LipSyncSpec(
                speech=speech,
                at_seconds=request.at_seconds,
                face=request.face,
                volume=request.volume,
                original_volume=request.original_volume,
            ),
            shares=(task,) if offer.direct else (*((SPEECH,) if speech else ()), Share(feature="faces"), task),
            inputs=tuple(inputs),
            video_seconds=float(span[1]),
            notes=(*notes, *self._notes(known)),
            direct=offer.direct,
        )

    def _of_direct(self, model: Model) -> Iterator[str]:
        """Yield what a service that does all of it in one call has no field for."""
        request = self.request
        if request.at_seconds is not None or request.face or (request.volume, request.original_volume) != (1.0, 1.0):
            yield f"{model.name} finds the face itself here: leave out at_seconds, face, volume and original_volume"
        if request.text.strip() and not request.voice.strip() and not known_voices(self.tables):
            yield "voice is missing: it has to be one that the provider's own pages name"

    def _notes(self, video: float | None) -> Iterator[str]:
        request = self.request
        sound = paced(request.text) if request.text.strip() else length_of(self, request.audio)
        left = video - (request.at_seconds or 0) if video else None
        if sound and left and sound > left + 1:
            yield f"The sound takes about {sound:.0f} s and the video has {left:.0f} s for it: the rest is cut off."

    def variants(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Try less text, or the place that the face itself gives."""
        yield from _shorter(self)
        if self.request.at_seconds is not None:
            yield "Leaving out at_seconds", {"at_seconds": None}


@dataclass(frozen=True)
class AvatarAsk(Ask[CreateAvatar]):
    """A talking portrait, as long as what it says."""

    tool = "create_avatar"

    @property
    def products(self) -> Sequence[Product]:
        """There is one for it."""
        return ("avatar",)

    def problems(self, model: Model, offer: ServiceOffer, standard: Standard) -> Iterator[str]:
        """Yield what stands in the way: size, picture, words or sound, prompt."""
        request = self.request
        if request.resolution not in offer.resolutions:
            yield f"{model.name} makes {' or '.join(offer.resolutions)}, not {request.resolution}"
        yield from picture_problems(self, self.tables.limits[standard], request.image, "image")
        yield from too_long(model, "prompt", request.prompt, offer.prompt_max[standard])
        if request.text.strip():
            yield from text_problems(model, offer, request.text, offer.audio)
        elif offer.audio is not None and request.audio:
            yield from sound_problems(self, offer.audio, request.audio, "audio")

    def draft(self, model: Model, offer: ServiceOffer, standard: Standard) -> Draft:
        """Return the portrait; its price follows the seconds of sound."""
        request, limits = self.request, self.tables.limits[standard]
        inputs = [Input(role="image", kind="image", text=request.image, name="image", limits=limits)]
        speech, notes = _words(self)
        if request.audio:
            inputs.append(Input(role="audio", kind="audio", text=request.audio, name="audio", limits=offer.audio))
        span = self._length(offer)
        task = Share(feature="use", resolution=request.resolution, seconds=span, rough=True)
        return Draft(
            spec=AvatarSpec(prompt=request.prompt, resolution=request.resolution, speech=speech),
            shares=(*((SPEECH,) if speech and not offer.direct else ()), task),
            inputs=tuple(inputs),
            video_seconds=float(span[1]),
            notes=notes,
            direct=offer.direct,
        )

    def _length(self, offer: ServiceOffer) -> Span:
        assert offer.audio is not None
        if self.request.text.strip():
            return length_span(self.request.text, offer.audio)
        known = length_of(self, self.request.audio)
        return between(known, math.ceil(known)) if known else between(offer.audio.min_seconds, offer.audio.max_seconds)

    def variants(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Try less text, a shorter prompt, another resolution."""
        yield from _shorter(self)
        yield "Leaving out prompt", {"prompt": ""}
        for resolution in ("720p", "1080p"):
            yield f"resolution={resolution}", {"resolution": resolution}


@dataclass(frozen=True)
class SoundAsk(Ask[AddSound]):
    """Sound for a video, or a sound from words."""

    tool = "add_sound"

    @property
    def products(self) -> Sequence[Product]:
        """With a video the sound is made for it."""
        return ("sound-from-video",) if self.request.video else ("sound-from-text",)

    def problems(self, model: Model, offer: ServiceOffer, standard: Standard) -> Iterator[str]:
        """Yield what stands in the way: words, length, video."""
        request = self.request
        yield from too_long(model, "prompt", request.prompt, offer.prompt_max[standard])
        yield from too_long(model, "music", request.music, offer.text_max) if request.music else ()
        if request.video and offer.video is not None:
            yield from video_problems(self, offer.video, request.video, "video")
        if not request.video and offer.seconds is not None:
            least, most = offer.seconds
            if not least <= self._seconds <= most:
                yield f"{model.name} makes {least:g} to {most:g} s from words, not {self._seconds:g} s"

    @property
    def _seconds(self) -> float:
        """To one decimal, as the call has it."""
        return round(SOUND_SECONDS if self.request.seconds is None else self.request.seconds, 1)

    def draft(self, model: Model, offer: ServiceOffer, standard: Standard) -> Draft:
        """Return the sound; a call costs the same for any length."""
        request = self.request
        video = request.video
        limits = offer.video
        longest = length_of(self, video) or (limits.max_seconds if limits else 0.0)
        return Draft(
            spec=SoundSpec(
                product="sound-from-video" if video else "sound-from-text",
                prompt=request.prompt.strip(),
                seconds=None if video else self._seconds,
                music=request.music.strip(),
                close_up=request.close_up,
            ),
            shares=(Share(feature="use"),),
            inputs=(Input(role="video", kind="video", text=video, name="video", limits=limits),) if video else (),
            video_seconds=longest if video else 0.0,
        )

    def variants(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Try fewer words, and lengths that there are."""
        yield "A prompt of at most 200 characters", {"prompt": self.request.prompt[:200]}
        if self.request.music:
            yield "Leaving out music", {"music": ""}
        for seconds in (3, 10):
            yield f"seconds={seconds}", {"seconds": seconds}


def _words(ask: LipSyncAsk | AvatarAsk) -> tuple[Speech | None, tuple[str, ...]]:
    """Return the speech that is bought first, where words are given and no sound."""
    request = ask.request
    return spoken(request.text, request.voice, ask.tables) if request.text.strip() else (None, ())


def _shorter(ask: SpeechAsk | LipSyncAsk | AvatarAsk) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield texts of lengths that may fit."""
    for most in (1000, 500, 250):
        if len(ask.request.text) > most:
            yield f"A text of at most {most} characters", {"text": ask.request.text[:most]}
