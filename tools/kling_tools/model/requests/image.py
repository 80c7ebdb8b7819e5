"""What can be asked for as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from kling_tools.model.media import MediaKind
from kling_tools.model.requests.base import Prompt, Ratio, SpendingRequest

Expand = Annotated[list[Annotated[float, Field(ge=0, le=2)]], Field(min_length=4, max_length=4)]
Share = Annotated[float, Field(ge=0, le=1)]


class CreateImage(SpendingRequest):
    """Pictures: new, from references, widened, tried on, other views, cut out."""

    media: ClassVar[Mapping[str, MediaKind | None]] = {"references": "image", "scene": "image", "style": "image"}

    kind: Literal["picture", "outpaint", "try_on", "views", "cutouts"] = Field(
        "picture",
        description="outpaint: widen; try_on: person, garment; views: other sides; cutouts: object, head, face",
    )
    prompt: Prompt = Field("", description="What is seen; references are @1, @2")
    references: Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=15)] = Field(
        [], description="Pictures (path, https URL, task id) or element:ID"
    )
    count: int = Field(1, ge=1, le=9)
    series: int = Field(0, ge=0, le=10, description="Pictures that belong together, 2-9; 1: as many as it takes")
    resolution: Literal["1k", "2k", "4k", "8k"] = "1k"
    aspect_ratio: Ratio = "16:9"
    likeness: Literal["", "subject", "face"] = Field("", description="What of the one reference stays, image 2.1")
    fidelity: Share | None = None
    human_fidelity: Share | None = None
    scene: str | None = Field(None, description="Picture of the place, image 2.1")
    style: str | None = Field(None, description="Picture of the style, image 2.1")
    expand: Expand | None = Field(None, description="outpaint: up, down, left, right, 0-2 times the side")
    negative_prompt: str = ""

    @model_validator(mode="after")
    def _of_kind(self) -> CreateImage:
        if self.kind == "picture" and not self.prompt.strip():
            raise ValueError("prompt is empty: say what is to be seen")
        if (self.kind == "outpaint") != (self.expand is not None):
            raise ValueError("expand goes with kind=outpaint, and outpaint needs it")
        if self.kind != "picture":
            own = {"kind", "references", *_OWN[self.kind], *SpendingRequest.model_fields}
            if strange := sorted(self.model_fields_set - own):
                raise ValueError(f"{', '.join(strange)} cannot be used with kind={self.kind}")
            least = 2 if self.kind == "try_on" else 1
            if len(self.references) != least:
                raise ValueError(f"kind={self.kind} takes {least} picture{'s' * (least > 1)} in references")
        return self


_OWN: Mapping[str, tuple[str, ...]] = {
    "outpaint": ("prompt", "count", "expand"),
    "try_on": (),
    "views": (),
    "cutouts": (),
}
