"""Motion from a video onto a picture, and effect scenes (kling-official 3.2, 4.6, 4.11)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kling_tools.catalog import video_rules
from kling_tools.catalog.ask import Ask, Draft, Share, between, either, too_long
from kling_tools.catalog.data import Model, MotionOffer, ServiceOffer
from kling_tools.catalog.fitting import length_of, picture_problems, video_problems
from kling_tools.model.errors import quoted
from kling_tools.model.inputs import ClipLimits
from kling_tools.model.mentions import mentions
from kling_tools.model.plan import Input, Standard
from kling_tools.model.requests import ApplyEffect, TransferMotion
from kling_tools.model.requests.video import PRESET, element_id
from kling_tools.model.specs import EffectSpec, MotionSpec, PresetMotionSpec, Product, Reference
from kling_tools.model.spelling import alike

#: Nobody tells how long a scene is: enough for the free space on disk.
LONGEST_SCENE = 15.0


@dataclass(frozen=True)
class MotionAsk(Ask[TransferMotion]):
    """A person's motion from a video onto a picture."""

    tool = "transfer_motion"

    @property
    def products(self) -> Sequence[Product]:
        """There is one for it."""
        return ("motion-control",)

    def problems(self, model: Model, offer: MotionOffer, standard: Standard) -> Iterator[str]:
        """Yield what stands in the way: size, element, prompt, picture, video."""
        request = self.request
        if request.resolution not in offer.resolutions:
            yield f"{model.name} moves pictures at {' or '.join(offer.resolutions)}, not {request.resolution}"
        if not request.keep_sound and not offer.sound_choice:
            yield f"{model.name} has no field for the video's sound here (leave out keep_sound)"
        if request.element:
            yield from self._of_element(model, offer)
        yield from too_long(model, "prompt", video_rules.on_wire(request.prompt), offer.prompt_max[standard])
        if request.element and (strange := [n for n in mentions(request.prompt) if n != 1]):
            yield f"@{strange[0]} names no reference: @1 is the element"
        yield from picture_problems(self, self.tables.limits[standard], request.image, "image")
        if request.video.startswith(PRESET):
            yield from self._of_preset(model, offer)
        else:
            yield from video_problems(self, self._clip(offer), request.video, "video")

    def _of_preset(self, model: Model, offer: MotionOffer) -> Iterator[str]:
        if not offer.presets:
            yield f"{model.name} has no ready motions (piapi has some): give a video"
        elif not self._ready(offer):
            yield f"{model.name} has no ready motion {quoted(self.request.preset, 40)}; it has {either(offer.presets)}"
        if self.request.element:
            yield f"{model.name} takes no element beside a ready motion"

    def _ready(self, offer: MotionOffer) -> str:
        """Return the ready motion under its own name, however it was written."""
        asked = self.request.preset.casefold()
        return next((name for name in offer.presets if name.casefold() == asked), "")

    def _of_element(self, model: Model, offer: MotionOffer) -> Iterator[str]:
        if not offer.elements:
            yield f"{model.name} takes no element here"
        named = Reference(kind="element", element=element_id(self.request.element))
        yield from video_rules.of_element_ids((named,))
        if self.request.follow == "image":
            yield "With an element the result follows the video: leave out follow=image"

    def _clip(self, offer: MotionOffer) -> ClipLimits:
        """Return what the video has to be like: shorter where the picture leads."""
        if self.request.follow == "video":
            return offer.video
        return replace(offer.video, max_seconds=min(offer.image_seconds, offer.video.max_seconds))

    def draft(self, model: Model, offer: MotionOffer, standard: Standard) -> Draft:
        """Return the motion; its price follows the seconds that come out."""
        request, clip = self.request, self._clip(offer)
        if request.preset:
            return self._ready_draft(offer, standard)
        known = length_of(self, request.video)
        span = between(round(known), math.ceil(known)) if known else between(clip.min_seconds, clip.max_seconds)
        limits = self.tables.limits[standard]
        return Draft(
            spec=MotionSpec(
                prompt=request.prompt,
                resolution=request.resolution,
                follow=request.follow,
                audio="original" if request.keep_sound else "off",
                elements=(element_id(request.element),) if request.element else (),
            ),
            shares=(Share(feature="motion", resolution=request.resolution, seconds=span, rough=True),),
            inputs=(
                Input(role="image", kind="image", text=request.image, name="image", limits=limits),
                Input(role="video", kind="video", text=request.video, name="video", limits=clip),
            ),
            video_seconds=float(span[1]),
            notes=(
                "Kling keeps the motion it can use and bills the seconds that come out, so the result may be shorter "
                "than the video. One person, head and body in sight, works best.",
            ),
        )

    def _ready_draft(self, offer: MotionOffer, standard: Standard) -> Draft:
        """Return a ready motion; nobody tells how long it is, so its price is not known."""
        request, name = self.request, self._ready(offer)
        limits = self.tables.limits[standard]
        return Draft(
            spec=PresetMotionSpec(
                name=name,
                resolution=request.resolution,
                follow=request.follow,
                audio="original" if request.keep_sound else "off",
            ),
            shares=(Share(feature="motion", resolution=request.resolution, rough=True),),
            inputs=(Input(role="image", kind="image", text=request.image, name="image", limits=limits),),
            video_seconds=offer.video.max_seconds,
            notes=(f"The motion {name} is the provider's own; how long it is, and so what it costs, nobody tells.",),
        )

    def variants(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Try another resolution, the video leading, no element, a shorter prompt."""
        request = self.request
        for resolution in ("720p", "1080p"):
            yield f"resolution={resolution}", {"resolution": resolution}
        if request.follow == "image":
            yield "follow=video", {"follow": "video"}
        if request.element:
            yield "Leaving out element", {"element": ""}
        if not request.keep_sound:
            yield "keep_sound=true", {"keep_sound": True}
        yield "Leaving out prompt", {"prompt": ""}


@dataclass(frozen=True)
class EffectAsk(Ask[ApplyEffect]):
    """An effect scene. The list of scenes changes weekly, so one that is not on it is let through with a word."""

    tool = "apply_effect"

    @property
    def products(self) -> Sequence[Product]:
        """There is one for it."""
        return ("effects",)

    def problems(self, model: Model, offer: ServiceOffer, standard: Standard) -> Iterator[str]:
        """Yield what stands in the way: the number of pictures, and what is known of them."""
        request = self.request
        wanted, given = offer.scenes.get(self._scene), len(request.images)
        if wanted is not None and wanted != given:
            yield f"The scene {self._scene} takes {_pictures(wanted)}, not {given}"
        if given > offer.images:
            yield f"{model.name} take at most {_pictures(offer.images)}, not {given}"
        for image in request.images:
            yield from picture_problems(self, self.tables.limits[standard], image, "images")

    @property
    def _scene(self) -> str:
        return self.request.scene.strip()

    def draft(self, model: Model, offer: ServiceOffer, standard: Standard) -> Draft:
        """Return the scene over its pictures."""
        limits = self.tables.limits[standard]
        return Draft(
            spec=EffectSpec(scene=self._scene),
            shares=(Share(feature="use"),),
            inputs=tuple(
                Input(role="image", kind="image", text=image, name="images", limits=limits)
                for image in self.request.images
            ),
            video_seconds=LONGEST_SCENE,
            notes=() if self._scene in offer.scenes else (self._strange(offer),),
        )

    def variants(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Try the other number of pictures."""
        first = self.request.images[0]
        yield "Two pictures", {"images": [first, first]}
        yield "One picture", {"images": [first]}

    def _strange(self, offer: ServiceOffer) -> str:
        near = alike(self._scene, offer.scenes, most=3)
        meant = f"; known ones like it: {', '.join(near)}" if near else ""
        return f"The scene {quoted(self._scene, 60)} is not among those known here, and Kling may refuse it{meant}."


def _pictures(number: int) -> str:
    return f"{number} picture{'s' * (number > 1)}"
