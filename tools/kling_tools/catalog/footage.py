"""Videos that exist: changed, or continued (kling-official 3.2, 4.5, 4.8)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kling_tools.catalog import video_rules as rules
from kling_tools.catalog.ask import Ask, Draft, Share, between, either, exactly, too_long
from kling_tools.catalog.data import Model, ServiceOffer, VideoOffer
from kling_tools.catalog.fitting import opened_here, own_problems, picture_problems, side_problems, video_problems
from kling_tools.catalog.references import film_elements_of, references_of
from kling_tools.model.plan import Input, Standard
from kling_tools.model.requests import EditVideo, ExtendVideo
from kling_tools.model.requests.base import ELEMENT
from kling_tools.model.specs import Audio, ExtendSpec, Product, VideoSpec

#: What a continuation is told where the person says nothing: a prompt is always sent (kling-official 3.2).
GOES_ON = "The shot continues smoothly, with the same subject, place, light and camera movement."
#: No continued video is longer (kling-official 4.8).
LONGEST_EXTENDED = 180.0


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
        yield from rules.of_resolution(model, offer, request.resolution, with_video=True)
        yield from too_long(model, "prompt", rules.on_wire(request.prompt), offer.prompt_max[standard])
        yield from video_problems(self, offer.base_video, request.video, "video")
        references = references_of(request.references)
        yield from rules.of_pictures_beside(model, offer, references)
        films = film_elements_of(self, request.references)
        yield from rules.of_film_elements(model, offer, films, len(references), with_video=True)
        yield from rules.of_element_ids(references)
        yield from rules.of_mentions(request, references)
        if not request.keep_sound and offer.audio == "always":
            yield f"{model.name} always makes sound"
        if request.keep_sound and not offer.keeps_sound:
            yield f"{model.name} does not keep a video's sound (keep_sound=false)"
        if any((s := self.source(t)) and s.kind == "video" for t in self._pictures):
            yield "Only pictures and elements can be references beside the video that is edited"
            return
        for text in self._pictures:
            if not opened_here(text):
                yield from picture_problems(self, self.tables.limits[standard], text, "references")

    @property
    def _pictures(self) -> list[str]:
        return [t for t in self.request.references if not t.startswith(ELEMENT)]

    def draft(self, model: Model, offer: VideoOffer, standard: Standard) -> Draft:
        """Return the edit; its price follows the video's length."""
        request = self.request
        assert offer.base_video is not None
        limits = self.tables.limits[standard]
        source = self.source(request.video)
        known, clip = (source.seconds if source else None), offer.base_video
        # Whether what is begun of a second is billed is not known.
        span = between(round(known), math.ceil(known)) if known else between(clip.min_seconds, clip.max_seconds)
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
        return Draft(
            spec=spec,
            shares=(Share(feature="video-in", resolution=request.resolution, seconds=span, rough=True),),
            inputs=(
                Input(role="base_video", kind="video", text=request.video, name="video", limits=offer.base_video),
                *(
                    Input(role="reference", kind="image", text=text, name="references", limits=limits)
                    for text in self._pictures
                ),
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
    """A video that goes on: from its last frame, joined to it afterwards (Kling's native call has died, 4.8).

    Gateways that still have the native one sell it as a model of its own.
    """

    tool = "extend_video"

    @property
    def products(self) -> Sequence[Product]:
        """From its last frame on, or by who made it."""
        return ("image-to-video", "extend")

    def problems(self, model: Model, offer: VideoOffer | ServiceOffer, standard: Standard) -> Iterator[str]:
        """Yield what stands in the way."""
        request = self.request
        if isinstance(offer, ServiceOffer):
            yield from self._of_native(model, offer, standard)
            return
        yield from rules.of_length(model, offer, request.seconds, plain=True)
        yield from rules.of_resolution(model, offer, self._resolution)
        yield from too_long(model, "prompt", request.prompt, offer.prompt_max[standard])
        if source := self.source(request.video):
            yield from side_problems(self.tables.limits[standard], source, "the video")
        if request.audio and offer.audio == "none":
            yield f"{model.name} makes no sound"
        if request.audio and offer.audio == "optional" and self._resolution not in offer.audio_resolutions:
            yield f"{model.name} makes sound at {either(offer.audio_resolutions)} only"

    def _of_native(self, model: Model, offer: ServiceOffer, standard: Standard) -> Iterator[str]:
        request, (least, most) = self.request, offer.seconds or (0, 60)
        yield from own_problems(self, offer, standard, request.video, "video")
        yield from too_long(model, "prompt", request.prompt, offer.prompt_max[standard])
        if not least <= request.seconds <= most:
            yield f"{model.name} adds {most:g} s, not {request.seconds} s"
        if request.audio:
            yield f"{model.name} makes no sound"

    @property
    def _resolution(self) -> str:
        """As near to the source as is usual: 4K only where a person asks for it by making the source so."""
        source = self.source(self.request.video)
        if source is None or not source.width or not source.height:
            return "720p"
        return "1080p" if min(source.width, source.height) >= 1000 else "720p"

    def draft(self, model: Model, offer: VideoOffer | ServiceOffer, standard: Standard) -> Draft:
        """Return the continuation as an image-to-video that is joined to its source, or as its maker continues it."""
        request, resolution = self.request, self._resolution
        if isinstance(offer, ServiceOffer):
            return Draft(
                spec=ExtendSpec(prompt=request.prompt.strip()),
                shares=(Share(feature="use", seconds=exactly(request.seconds)),),
                inputs=(Input(role="video", kind="video", text=request.video, name="video"),),
                video_seconds=LONGEST_EXTENDED,
                notes=("Its maker continues it, and the result is the whole video.",),
                direct=True,
            )
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
