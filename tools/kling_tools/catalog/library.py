"""Reusable characters and voices (kling-official 5.4, 5.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kling_tools.catalog.ask import Ask, Draft, Share
from kling_tools.catalog.data import Model, ServiceOffer
from kling_tools.catalog.fitting import picture_problems, sound_problems, video_problems
from kling_tools.model.plan import Input, Standard
from kling_tools.model.requests import CreateElement, CreateVoice
from kling_tools.model.specs import ElementSpec, Product, VoiceSpec

_FILMS = (".mp4", ".mov")


@dataclass(frozen=True)
class ElementAsk(Ask[CreateElement]):
    """A reusable character or thing."""

    tool = "create_element"

    @property
    def products(self) -> Sequence[Product]:
        """There is one for it."""
        return ("element",)

    def problems(self, model: Model, offer: ServiceOffer, standard: Standard) -> Iterator[str]:
        """Yield what stands in the way: pictures or the video."""
        request = self.request
        if not request.name.strip() or not request.description.strip():
            yield "name and description may not be empty"
        if len(request.images) > offer.images:
            yield f"{model.name} take at most {offer.images} pictures, not {len(request.images)}"
        for image in request.images:
            yield from picture_problems(self, self.tables.limits[standard], image, "images")
        if request.video and offer.video is not None:
            yield from video_problems(self, offer.video, request.video, "video")

    def draft(self, model: Model, offer: ServiceOffer, standard: Standard) -> Draft:
        """Return the element; making one is free."""
        request, limits = self.request, self.tables.limits[standard]
        pictures = (Input(role="image", kind="image", text=t, name="images", limits=limits) for t in request.images)
        film = Input(role="video", kind="video", text=request.video or "", name="video", limits=offer.video)
        return Draft(
            spec=ElementSpec(
                name=request.name.strip(),
                description=request.description.strip(),
                voice=request.voice.strip(),
                tags=tuple(dict.fromkeys(request.tags)),
            ),
            shares=(Share(feature="use"),),
            inputs=(film,) if request.video else tuple(pictures),
            notes=tuple(self._notes()),
        )

    def _notes(self) -> Iterator[str]:
        if self.request.video:
            yield (
                "An element made from a video works with Kling 3.0 and 3.0 Omni, and only a real person can be made "
                "into one; speech in the video also becomes its voice."
            )


@dataclass(frozen=True)
class VoiceAsk(Ask[CreateVoice]):
    """A reusable voice."""

    tool = "create_voice"

    @property
    def products(self) -> Sequence[Product]:
        """There is one for it."""
        return ("voice",)

    def problems(self, model: Model, offer: ServiceOffer, standard: Standard) -> Iterator[str]:
        """Yield what stands in the way: the sample."""
        request = self.request
        if not request.name.strip():
            yield "name may not be empty"
        if offer.audio is not None:
            yield from sound_problems(self, offer.audio, request.sample, "sample")
        if offer.video is not None and self._film:
            # Its length has been judged as a sound's.
            source = self.source(request.sample)
            timeless = {request.sample: replace(source, seconds=None)} if source else {}
            yield from video_problems(replace(self, sources=timeless), offer.video, request.sample, "sample")

    @property
    def _film(self) -> bool:
        """Whether the sample is a video: known from itself, else from how its address ends."""
        if source := self.source(self.request.sample):
            return source.kind == "video"
        return self.request.sample.partition("?")[0].lower().endswith(_FILMS)

    def draft(self, model: Model, offer: ServiceOffer, standard: Standard) -> Draft:
        """Return the voice."""
        sample = self.request.sample
        if self._film:
            given = Input(role="video", kind="video", text=sample, name="sample", limits=offer.video)
        else:
            # Without limits: nothing here takes the sound itself, only its address (kling-official 5.4).
            given = Input(role="audio", kind="audio", text=sample, name="sample")
        return Draft(spec=VoiceSpec(name=self.request.name.strip()), shares=(Share(feature="use"),), inputs=(given,))
