"""New videos, from words, frames and references (kling-official 3, 4.2-4.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kling_tools.catalog import brush
from kling_tools.catalog import video_rules as rules
from kling_tools.catalog.ask import Ask, Draft, Share, either, exactly, too_long
from kling_tools.catalog.camera import in_words, is_spoken, of_camera, other_moves, told
from kling_tools.catalog.data import Model, VideoOffer
from kling_tools.catalog.fitting import opened_here, picture_problems, video_problems
from kling_tools.catalog.references import film_elements_of
from kling_tools.model.media import ImageLimits
from kling_tools.model.plan import Input, Standard
from kling_tools.model.requests import CreateVideo
from kling_tools.model.requests.base import ELEMENT
from kling_tools.model.requests.video import element_id
from kling_tools.model.specs import Audio, Product, Reference, Shot, VideoSpec


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
        return film_elements_of(self, self.request.references)

    @property
    def may_be_film(self) -> bool:
        """Whether an element is not known to be made from pictures."""
        made = (self.source(t) for t in self.request.references if t.startswith(ELEMENT))
        return any(source is None or source.kind == "video" for source in made)

    def problems(self, model: Model, offer: VideoOffer, standard: Standard) -> Iterator[str]:
        """Yield what stands in the way: lengths, sizes, sound, frames, shots, references, voices."""
        request = self.request
        yield from rules.of_length(model, offer, request.length, plain=not (request.last_image or request.references))
        yield from rules.of_resolution(model, offer, request.resolution, with_video=self.reference_video is not None)
        if not request.image and request.aspect_ratio not in offer.aspect_ratios:
            yield f"{model.name} makes {either(offer.aspect_ratios)}, not {request.aspect_ratio}"
        if request.image:
            yield from rules.of_ratio(request, self.source(request.image))
        if request.shots:
            shots = self._shots(offer, standard)
            yield from rules.of_shots(model, offer, shots, bool(self.reference_video), standard)
        else:
            yield from too_long(
                model, "prompt", rules.on_wire(self._prompt(offer, standard)), offer.prompt_max[standard]
            )
        yield from rules.of_sound(model, offer, request)
        yield from rules.of_frames(model, offer, request, self.references)
        yield from rules.of_references(model, offer, request, self.references, self.film_elements)
        yield from rules.of_element_ids(self.references)
        for given in self._inputs(offer, self.tables.limits[standard]):
            if given.kind == "image" and not opened_here(given.text):
                yield from picture_problems(self, self.tables.limits[standard], given.text, given.name)
        yield from self._of_reference_video(model, offer)
        yield from rules.of_voices(model, offer, request, standard)
        yield from rules.of_mentions(request, self.references)
        yield from rules.of_old_fields(model, offer, request, standard)
        yield from of_camera(model, offer, request, standard)
        yield from brush.of_brush(self, model, offer, self.tables.limits[standard])

    def _of_reference_video(self, model: Model, offer: VideoOffer) -> Iterator[str]:
        if video := self.reference_video:
            if offer.feature_video is None:
                yield f"{model.name} takes no video as reference"
            else:
                yield from video_problems(self, offer.feature_video, video, "references")

    def _prompt(self, offer: VideoOffer, standard: Standard) -> str:
        request = self.request
        return in_words(request.prompt, request.camera) if is_spoken(offer, standard, request) else request.prompt

    def _shots(self, offer: VideoOffer, standard: Standard) -> tuple[Shot, ...]:
        move = self.request.camera
        spoken = is_spoken(offer, standard, self.request)
        return tuple(
            Shot(prompt=in_words(s.prompt, move) if spoken else s.prompt, seconds=s.seconds) for s in self.request.shots
        )

    def draft(self, model: Model, offer: VideoOffer, standard: Standard) -> Draft:
        """Return the video as this model makes it."""
        request, film = self.request, self.reference_video
        audio = self._audio(offer)
        moved = request.camera and not is_spoken(offer, standard, request)
        shots = self._shots(offer, standard)
        follows = offer.product == "image-to-video" or bool(request.image)
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
            camera=request.camera if moved else "",
            negative_prompt=request.negative_prompt.strip(),
            cfg_scale=request.cfg_scale,
        )
        films = film is not None or (offer.film_elements_priced and self.may_be_film)
        feature = rules.feature(audio, voices=bool(request.voices), video=films)
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
        yield from brush.inputs(request, limits)

    def _notes(self, offer: VideoOffer, standard: Standard) -> Iterator[str]:
        request = self.request
        yield from told(offer, standard, request)
        yield from brush.told(request)
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
        if not request.image and request.aspect_ratio != "16:9":
            yield "aspect_ratio=16:9", {"aspect_ratio": "16:9"}
        yield f"audio={str(not request.audio).lower()}", {"audio": not request.audio}
        yield from other_moves(request)
        for most in sorted({o.pictures for o in offers if 0 < o.pictures < len(request.references)}, reverse=True):
            yield f"At most {most} references", {"references": request.references[:most]}
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
    ("motion_brush", []),
)
