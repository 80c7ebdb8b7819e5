"""Pictures: new ones and series, widened, tried on, other views, cut out (kling-official 4.13, 5.6, 6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kling_tools.catalog import image_rules as rules
from kling_tools.catalog.ask import Ask, Draft, Share, between, exactly, too_long
from kling_tools.catalog.data import ImageOffer, Model
from kling_tools.catalog.fitting import picture_problems
from kling_tools.catalog.references import film_elements_of, references_of
from kling_tools.catalog.video_rules import of_element_ids, on_wire
from kling_tools.model.media import ImageLimits
from kling_tools.model.plan import Input, Role, Standard
from kling_tools.model.requests import CreateImage
from kling_tools.model.requests.base import ELEMENT
from kling_tools.model.specs import ImageSpec, Product, Reference

_PRODUCTS: Mapping[str, tuple[Product, ...]] = {
    # Every way to a picture, so that each model says itself what it cannot do.
    "picture": ("image", "omni-image", "multi-image"),
    "outpaint": ("outpaint",),
    "try_on": ("try-on",),
    "views": ("views",),
    "cutouts": ("cutouts",),
}
#: How a request says "as many as it takes".
_AS_MANY = 1


@dataclass(frozen=True)
class ImageAsk(Ask[CreateImage]):
    """A picture, or several."""

    tool = "create_image"

    @property
    def products(self) -> Sequence[Product]:
        """The kind decides, and for a plain picture what each model makes of the references."""
        request = self.request
        products = _PRODUCTS[request.kind]
        # The way that comes closest speaks for a model with two.
        several = self.pictures > 1 or request.scene or request.style
        return products[::-1] if several else products

    @property
    def references(self) -> tuple[Reference, ...]:
        """What `@1`, `@2` stand for; the other kinds have pictures with a meaning of their own instead."""
        return references_of(self.request.references) if self.request.kind == "picture" else ()

    @property
    def pictures(self) -> int:
        """How many of the references are pictures."""
        return sum(not text.startswith(ELEMENT) for text in self.request.references)

    def problems(self, model: Model, offer: ImageOffer, standard: Standard) -> Iterator[str]:
        """Yield what stands in the way: size, number, references, likeness, words, pictures."""
        request = self.request
        if request.kind == "picture":
            yield from rules.of_size(model, offer, request)
            yield from rules.of_number(model, offer, request)
            yield from rules.of_references(model, offer, self.pictures, len(request.references) - self.pictures)
            if film_elements_of(self, request.references):
                yield f"{model.name} takes elements made of pictures only"
            yield from of_element_ids(self.references)
            yield from rules.of_likeness(model, offer, request, self.pictures)
            yield from rules.of_scene_and_style(model, offer, request)
            yield from rules.of_negative_prompt(model, offer, request, self.pictures)
            yield from rules.of_mentions(request)
        if request.expand is not None:
            yield from rules.of_expand(request.expand)
        if request.prompt:
            yield from too_long(model, "prompt", on_wire(request.prompt), offer.prompt_max[standard])
        for item in self._inputs(offer, standard):
            yield from picture_problems(self, self._limits(offer, standard), item.text, item.name)
        if request.kind != "picture" and self.pictures < len(request.references):
            yield f"kind={request.kind} takes pictures, not elements"

    def _limits(self, offer: ImageOffer, standard: Standard) -> ImageLimits:
        return offer.image or self.tables.limits[standard]

    def _inputs(self, offer: ImageOffer, standard: Standard) -> Iterator[Input]:
        request, limits = self.request, self._limits(offer, standard)

        def given(role: Role, text: str, name: str) -> Input:
            return Input(role=role, kind="image", text=text, name=name, limits=limits)

        pictures = [text for text in request.references if not text.startswith(ELEMENT)]
        if request.kind == "picture":
            yield from (given("reference", text, "references") for text in pictures)
        else:
            roles: tuple[Role, ...] = ("image", "garment")
            yield from (given(role, text, "references") for role, text in zip(roles, pictures, strict=False))
        if request.scene:
            yield given("scene", request.scene, "scene")
        if request.style:
            yield given("style", request.style, "style")

    def draft(self, model: Model, offer: ImageOffer, standard: Standard) -> Draft:
        """Return the pictures; each is paid, and each takes a place among the tasks that run."""
        request = self.request
        least, most = self._amount(offer)
        return Draft(
            spec=ImageSpec(
                product=offer.product,
                prompt=request.prompt.strip(),
                negative_prompt=request.negative_prompt.strip(),
                count=request.count,
                resolution=request.resolution if offer.resolutions else "",
                aspect_ratio=request.aspect_ratio if offer.aspect_ratios else None,
                references=self.references,
                series=self._series,
                likeness=request.likeness,
                image_fidelity=request.fidelity,
                human_fidelity=request.human_fidelity,
                expand=_sides(request),
            ),
            shares=(
                Share(
                    feature=self._feature(offer),
                    resolution=request.resolution if offer.resolutions else "",
                    count=exactly(most) if least == most else between(least, most),
                ),
            ),
            inputs=tuple(self._inputs(offer, standard)),
            slots=most,
            notes=tuple(self._notes(offer)),
        )

    @property
    def _series(self) -> int | Literal["auto"] | None:
        match self.request.series:
            case 0:
                return None
            case 1:
                return "auto"
            case number:
                return number

    def _amount(self, offer: ImageOffer) -> tuple[int, int]:
        if self._series == "auto":
            return min(offer.series, default=1), max(offer.series, default=1)
        amount = self._series or self.request.count
        return amount, amount

    def _feature(self, offer: ImageOffer) -> str:
        """Return the price table's word for this way of asking (kling-official 10.3)."""
        if offer.product == "multi-image":
            return "several"
        if offer.product in {"image", "omni-image"}:
            return "image" if self.request.references else "text"
        return "use"

    def _notes(self, offer: ImageOffer) -> Iterator[str]:
        if self._series == "auto":
            fewest, most = self._amount(offer)
            yield f"Kling decides how many pictures the series has, {fewest} to {most}; each is paid."
        if any(reference.kind == "element" for reference in self.references):
            yield "Only elements made of pictures work here, not those made from a video."
        if self.request.likeness == "face":
            yield "likeness=face needs one face in the picture, and no more."

    def variants(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Try another size or shape, fewer pictures, less."""
        request = self.request
        offers = [o for m in self.tables.model if m.enabled for o in m.offer if isinstance(o, ImageOffer)]
        for resolution in dict.fromkeys(r for o in offers for r in o.resolutions if r != request.resolution):
            yield f"resolution={resolution}", {"resolution": resolution}
        if request.aspect_ratio != "16:9":
            yield "aspect_ratio=16:9", {"aspect_ratio": "16:9"}
        if request.count > 1:
            yield "count=1", {"count": 1}
        known = {n for o in offers for n in o.series}
        if request.series and request.series not in known and known:
            nearest = min(known, key=lambda n: abs(n - request.series))
            yield f"series={nearest}", {"series": nearest}
        fewer = {o.references for o in offers if 1 < o.references < len(request.references)}
        for most in sorted(fewer, reverse=True) if request.kind == "picture" else ():
            yield f"At most {most} references", {"references": request.references[:most]}
        limit = max((m for o in offers for m in o.prompt_max.values()), default=0)
        if len(request.prompt) > limit > 0:
            yield f"A prompt of at most {limit} characters", {"prompt": request.prompt[:limit]}
        for name, empty in _LEFT_OUT:
            if getattr(request, name):
                yield f"Leaving out {name}", {name: empty}
        if request.references:
            yield "Leaving out references", {"references": [], "likeness": "", "fidelity": None, "human_fidelity": None}


_LEFT_OUT: tuple[tuple[str, object], ...] = (
    ("series", 0),
    ("negative_prompt", ""),
    ("scene", None),
    ("style", None),
    ("fidelity", None),
    ("human_fidelity", None),
    ("likeness", ""),
)


def _sides(request: CreateImage) -> tuple[float, float, float, float] | None:
    if request.expand is None:
        return None
    up, down, left, right = request.expand
    return up, down, left, right
