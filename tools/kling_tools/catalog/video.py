"""Videos: new ones from words, frames and references; edited ones; ones that go on (kling-official 3, 4.2-4.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kling_tools.catalog import video_rules as rules
from kling_tools.catalog.ask import Ask, Draft, Share, between, either, exactly, too_long
from kling_tools.catalog.camera import in_words
from kling_tools.catalog.data import Model, VideoOffer
from kling_tools.model.inputs import ClipLimits, clip_problem
from kling_tools.model.media import ImageLimits
from kling_tools.model.plan import Input, Standard
from kling_tools.model.requests import CreateVideo, EditVideo, ExtendVideo
from kling_tools.model.requests.base import ELEMENT
from kling_tools.model.requests.video import element_id
from kling_tools.model.specs import Audio, Product, Reference, Shot, VideoSpec

#: What a continuation is told where the person says nothing: a prompt is always sent (kling-official 3.2).
GOES_ON = "The shot continues smoothly, with the same subject, place, light and camera movement."


@dataclass(frozen=True)
class VideoAsk(Ask[CreateVideo]):
    """A new video."""

    tool = "create_video"

    @property
    def products(self) -> Sequence[Product]:
        """References need omni, unless they are elements beside a first frame; omni serves the plain ones too."""
        request = self.request
        if any(not r.startswith(ELEMENT) for r in request.references) or (request.references and not request.image):
            return ("omni-video",)
        return ("image-to-video", "omni-video") if request.image else ("text-to-video", "omni-video")

    @property
    def references(self) -> tuple[Reference, ...]:
        """What `@1`, `@2` stand for, in order."""
        return tuple(self._reference(text) for text in self.request.references)

    def _reference(self, text: str) -> Reference:
        if text.startswith(ELEMENT):
            return Reference(kind="element", element=element_id(text))
        source = self.source(text)
        return Reference(kind="video" if source and source.kind == "video" else "image")

    @property
    def reference_video(self) -> str | None:
        """The reference that is a video, as it was written."""
        return next(
            (t for t, r in zip(self.request.references, self.references, strict=True) if r.kind == "video"), None
        )

    @property
    def film_elements(self) -> int:
        """How many of the elements are known to be made from a video: fewer of those fit."""
        made = (self.source(t) for t in self.request.references if t.startswith(ELEMENT))
        return sum(1 for source in made if source is not None and source.kind == "video")

    def problems(self, model: Model, offer: VideoOffer, standard: Standard) -> Iterator[str]:
        """Yield what stands in the way: lengths, sizes, sound, frames, shots, references, voices."""
        request = self.request
        yield from rules.of_length(model, offer, request.length, plain=not (request.last_image or request.references))
        yield from rules.of_resolution(model, offer, request.resolution)
        if not request.image and request.aspect_ratio not in offer.aspect_ratios:
            yield f"{model.name} makes {either(offer.aspect_ratios)}, not {request.aspect_ratio}"
        if request.image:
            yield from rules.of_ratio(request, self.source(request.image))
        if request.shots:
            yield from rules.of_shots(model, offer, request.shots, bool(self.reference_video))
        else:
            yield from too_long(
                model, "prompt", rules.on_wire(self._prompt(offer, standard)), offer.prompt_max[standard]
            )
        yield from rules.of_sound(model, offer, request)
        yield from rules.of_frames(model, offer, request, self.references)
        yield from rules.of_references(model, offer, request, self.references, self.film_elements)
        yield from self._of_reference_video(model, offer)
        yield from rules.of_voices(model, offer, request, standard)
        yield from rules.of_mentions(request, self.references)
        yield from rules.of_old_fields(model, offer, request, standard)

    def _of_reference_video(self, model: Model, offer: VideoOffer) -> Iterator[str]:
        if video := self.reference_video:
            if offer.feature_video is None:
                yield f"{model.name} takes no video as reference"
            else:
                yield from video_problems(self, offer.feature_video, video, "references")

    def _prompt(self, offer: VideoOffer, standard: Standard) -> str:
        move = self.request.camera
        if move == "none" or standard in offer.camera:
            return self.request.prompt
        return in_words(self.request.prompt, move)

    def draft(self, model: Model, offer: VideoOffer, standard: Standard) -> Draft:
        """Return the video as this model makes it."""
        request, film = self.request, self.reference_video
        audio = self._audio(offer)
        moved = request.camera != "none"
        shots = tuple(Shot(prompt=s.prompt, seconds=s.seconds) for s in request.shots)
        if moved and shots and standard not in offer.camera:
            shots = tuple(Shot(prompt=in_words(s.prompt, request.camera), seconds=s.seconds) for s in shots)
        follows = offer.product == "image-to-video"
        spec = VideoSpec(
            product=offer.product,
            prompt="" if shots else self._prompt(offer, standard),
            shots=shots,
            seconds=request.length,
            resolution=request.resolution,
            aspect_ratio=None if follows else request.aspect_ratio,
            audio=audio,
            multi_shot=(bool(shots) or film is not None) if offer.multi_shot else None,
            references=self.references,
            voices=tuple(request.voices),
            camera=request.camera if moved and standard in offer.camera else "",
            negative_prompt=request.negative_prompt.strip(),
            cfg_scale=request.cfg_scale,
        )
        feature = rules.feature(audio, voices=bool(request.voices), video=film is not None)
        return Draft(
            spec=spec,
            shares=(Share(feature=feature, resolution=request.resolution, seconds=exactly(request.length)),),
            inputs=tuple(self._inputs(offer, self.tables.limits[standard])),
            video_seconds=request.length,
            notes=tuple(self._notes(offer, standard)),
        )

    def _audio(self, offer: VideoOffer) -> Audio:
        if offer.audio != "optional":
            return offer.audio
        return "native" if rules.wants_sound(self.request) else "off"

    def _inputs(self, offer: VideoOffer, limits: ImageLimits) -> Iterator[Input]:
        request = self.request
        if request.image:
            yield Input(role="first_frame", kind="image", text=request.image, name="image", limits=limits)
        if request.last_image:
            yield Input(role="last_frame", kind="image", text=request.last_image, name="last_image", limits=limits)
        for text, reference in zip(request.references, self.references, strict=True):
            if reference.kind == "image":
                yield Input(role="reference", kind="image", text=text, name="references", limits=limits)
            elif reference.kind == "video":
                yield Input(role="reference", kind="video", text=text, name="references", limits=offer.feature_video)

    def _notes(self, offer: VideoOffer, standard: Standard) -> Iterator[str]:
        request = self.request
        if request.camera != "none":
            how = "set in its own field" if standard in offer.camera else "written into the prompt in words"
            yield f"The camera move {request.camera} is {how}."
        if offer.audio == "always" and not request.audio:
            yield "This model always makes sound."
        if request.negative_prompt and standard == "legacy":
            yield "Bought through the older API, which has a negative prompt."

    def variants(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Try another resolution, sound, length, or less."""
        request = self.request
        offers = [o for m in self.tables.model if m.enabled for o in m.offer if isinstance(o, VideoOffer)]
        limit = min(max(o.prompt_max.values(), default=0) for o in offers)
        if len(request.prompt) > limit:
            yield f"A prompt of at most {limit} characters", {"prompt": request.prompt[:limit]}
        for resolution in dict.fromkeys(r for o in offers for r in o.resolutions if r != request.resolution):
            yield f"resolution={resolution}", {"resolution": resolution}
        yield f"audio={str(not request.audio).lower()}", {"audio": not request.audio}
        lengths = {s for o in offers for s in o.seconds if s != request.seconds}
        if not request.shots:
            for seconds in sorted(lengths, key=lambda s: (abs(s - request.seconds), s)):
                yield f"seconds={seconds}", {"seconds": seconds}
        for name, empty in _LEFT_OUT:
            if getattr(request, name):
                yield f"Leaving out {name}", {name: empty}


_LEFT_OUT: tuple[tuple[str, object], ...] = (
    ("last_image", None),
    ("negative_prompt", ""),
    ("cfg_scale", None),
    ("voices", []),
    ("references", []),
)


@dataclass(frozen=True)
class EditAsk(Ask[EditVideo]):
    """A video that is changed; the result is as long as what goes in (kling-official 3.2)."""

    tool = "edit_video"

    @property
    def products(self) -> Sequence[Product]:
        """Only omni models take a video to change."""
        return ("omni-video",)

    def problems(self, model: Model, offer: VideoOffer, standard: Standard) -> Iterator[str]:
        """Yield what stands in the way."""
        request = self.request
        if offer.base_video is None:
            yield f"{model.name} cannot edit a video"
            return
        yield from rules.of_resolution(model, offer, request.resolution)
        yield from too_long(model, "prompt", rules.on_wire(request.prompt), offer.prompt_max[standard])
        yield from video_problems(self, offer.base_video, request.video, "video")
        yield from rules.of_pictures_beside(model, offer, references_of(request.references))
        yield from rules.of_mentions(request, references_of(request.references))
        if not request.keep_sound and offer.audio == "always":
            yield f"{model.name} always makes sound"
        if any((s := self.source(t)) and s.kind == "video" for t in request.references):
            yield "Only pictures and elements can be references beside the video that is edited"

    def draft(self, model: Model, offer: VideoOffer, standard: Standard) -> Draft:
        """Return the edit; its price follows the video's length."""
        request = self.request
        assert offer.base_video is not None
        limits = self.tables.limits[standard]
        source = self.source(request.video)
        known = source.seconds if source else None
        span = exactly(round(known)) if known else between(offer.base_video.min_seconds, offer.base_video.max_seconds)
        spec = VideoSpec(
            product=offer.product,
            prompt=request.prompt,
            seconds=None,
            resolution=request.resolution,
            aspect_ratio=None,
            audio="original" if request.keep_sound else "off",
            multi_shot=False if offer.multi_shot else None,
            references=references_of(request.references),
        )
        pictures = (t for t in request.references if not t.startswith(ELEMENT))
        return Draft(
            spec=spec,
            shares=(Share(feature="video-in", resolution=request.resolution, seconds=span, rough=True),),
            inputs=(
                Input(role="base_video", kind="video", text=request.video, name="video", limits=offer.base_video),
                *(Input(role="reference", kind="image", text=t, name="references", limits=limits) for t in pictures),
            ),
            video_seconds=float(span[1]),
            notes=("The result is as long as the video that goes in; Kling bills its seconds.",),
        )

    def variants(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Try another resolution or fewer references."""
        for resolution in ("720p", "1080p"):
            yield f"resolution={resolution}", {"resolution": resolution}
        yield "Leaving out references", {"references": []}


@dataclass(frozen=True)
class ExtendAsk(Ask[ExtendVideo]):
    """A video that goes on: from its last frame, joined to it afterwards (the native call has died, 4.8)."""

    tool = "extend_video"

    @property
    def products(self) -> Sequence[Product]:
        """From its last frame on."""
        return ("image-to-video",)

    def problems(self, model: Model, offer: VideoOffer, standard: Standard) -> Iterator[str]:
        """Yield what stands in the way."""
        request = self.request
        yield from rules.of_length(model, offer, request.seconds, plain=True)
        yield from rules.of_resolution(model, offer, self._resolution)
        yield from too_long(model, "prompt", request.prompt, offer.prompt_max[standard])
        if request.audio and offer.audio == "none":
            yield f"{model.name} makes no sound"
        if request.audio and offer.audio == "optional" and self._resolution not in offer.audio_resolutions:
            yield f"{model.name} makes sound at {either(offer.audio_resolutions)} only"

    @property
    def _resolution(self) -> str:
        """As near to the source as is usual: 4K only where a person asks for it by making the source so."""
        source = self.source(self.request.video)
        if source is None or not source.width or not source.height:
            return "720p"
        return "1080p" if min(source.width, source.height) >= 1000 else "720p"

    def draft(self, model: Model, offer: VideoOffer, standard: Standard) -> Draft:
        """Return the continuation as an image-to-video that is joined to its source."""
        request, resolution = self.request, self._resolution
        audio: Audio = offer.audio if offer.audio != "optional" else "native" if request.audio else "off"
        spec = VideoSpec(
            product=offer.product,
            prompt=request.prompt.strip() or GOES_ON,
            seconds=request.seconds,
            resolution=resolution,
            aspect_ratio=None,
            audio=audio,
            multi_shot=False if offer.multi_shot else None,
        )
        frame = Input(
            role="first_frame", kind="image", text=request.video, name="video", limits=self.tables.limits[standard]
        )
        return Draft(
            spec=spec,
            shares=(
                Share(
                    feature=rules.feature(audio, voices=False, video=False),
                    resolution=resolution,
                    seconds=exactly(request.seconds),
                ),
            ),
            inputs=(frame,),
            continues=request.video,
            video_seconds=request.seconds,
            notes=tuple(self._notes(audio, resolution)),
        )

    def _notes(self, audio: Audio, resolution: str) -> Iterator[str]:
        yield (
            f"{self.request.seconds} s are made from the video's last frame at {resolution} and joined to it on this "
            "machine; only the new seconds are paid."
        )
        source = self.source(self.request.video)
        if source is not None and source.has_audio and audio in {"off", "none"}:
            yield "The video keeps its sound; the new part is silent (audio=true gives it sound)."

    def variants(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Try other lengths, then silence."""
        for seconds in sorted(range(3, 16), key=lambda s: (abs(s - self.request.seconds), s)):
            yield f"seconds={seconds}", {"seconds": seconds}
        yield "audio=false", {"audio": False}


def references_of(texts: Sequence[str]) -> tuple[Reference, ...]:
    """Return references that are pictures or elements."""
    return tuple(
        Reference(kind="element", element=element_id(t)) if t.startswith(ELEMENT) else Reference(kind="image")
        for t in texts
    )


def video_problems(ask: Ask[Any], limits: ClipLimits, text: str, name: str) -> Iterator[str]:
    """Yield what is known to be wrong with a video before it is sent."""
    source = ask.source(text)
    if source is None:
        return
    problem = clip_problem(
        limits,
        seconds=source.seconds,
        width=source.width,
        height=source.height,
        fps=source.fps,
        size=source.size,
        kind=source.format,
        name=name,
    )
    if problem:
        yield problem.rstrip(".")
