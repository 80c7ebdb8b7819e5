"""What an agent can ask for: every field described once, with the rules that need no catalogue.

These classes are the source of the tools' input schemas. Descriptions are product: agents read them and pay for them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticKnownError

TaskId = Annotated[str, Field(max_length=64)]
WaitSeconds = Annotated[int, Field(ge=0, le=50, description="Wait up to this long for the end, with progress")]
AspectRatio = Literal["16:9", "9:16", "1:1"]
Resolution = Literal["720p", "1080p", "4k"]


class Request(BaseModel):
    """A call's arguments: closed, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=100_000)

    @field_validator("*", mode="before")
    @classmethod
    def _no_flag_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        """Refuse true where a number is meant: it would be taken for 1."""
        if isinstance(value, bool):
            annotation = cls.model_fields[info.field_name or ""].annotation
            if {annotation, *get_args(annotation)} & {int, float}:
                raise PydanticKnownError("int_type")
        return value


class SpendingRequest(Request):
    """What every tool that spends shares."""

    model: str = Field("auto", description="Id from list_models; auto picks one and says which")
    provider: str = Field("auto", description="auto, or a configured provider's name")
    label: str = Field("", max_length=80, description="Your own word to find it again")
    confirm_cost: bool = Field(False, description="The person agreed to the price you told them")
    again: bool = Field(False, description="Buy once more what was bought in the last 10 minutes")
    wait_seconds: WaitSeconds = 0


class CreateVideo(SpendingRequest):
    """A video from words, from a first frame, or between a first and a last frame."""

    prompt: str = Field(description="What happens, in any language", min_length=1)
    image: str | None = Field(None, description="First frame: a path, https URL or task id")
    last_image: str | None = Field(None, description="Last frame; needs image")
    seconds: int = Field(5, ge=1, le=60, description="3-15 on Kling 3.0, 5 or 10 on older models")
    resolution: Resolution = "720p"
    aspect_ratio: AspectRatio = Field("16:9", description="Text only; with image the video follows it")
    audio: bool = Field(False, description="Sound made with the picture")

    @model_validator(mode="after")
    def _frames(self) -> CreateVideo:
        if not self.prompt.strip():
            raise ValueError("prompt is empty: say what happens in the video")
        if self.last_image and not self.image:
            raise ValueError("last_image needs image: no Kling model takes a last frame alone")
        if self.asks_ratio and self.image and self.image.startswith("https://"):
            raise ValueError("aspect_ratio has no effect with an image by URL: the video takes its shape; leave it out")
        return self

    @property
    def asks_ratio(self) -> bool:
        """Whether the caller chose the ratio, rather than left it."""
        return "aspect_ratio" in self.model_fields_set


class EstimateCost(Request):
    """The price of a spending tool's arguments."""

    tool: Literal["create_video"] = Field(description="The spending tool")
    arguments: dict[str, Any] = Field(description="Exactly what it would be given")


class CheckStatus(Request):
    """One task, or several."""

    task_id: TaskId | None = None
    task_ids: Annotated[list[TaskId], Field(max_length=20)] | None = Field(None, description="Up to 20 at once")
    wait_seconds: WaitSeconds = 0

    @field_validator("task_ids", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Take `a,b` for a list: no id has a comma."""
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _some(self) -> CheckStatus:
        if not self.ids:
            raise ValueError("task_id is missing: list_tasks shows the ids there are")
        return self

    @property
    def ids(self) -> list[str]:
        """Every id asked for, once, in order."""
        return list(dict.fromkeys([*([self.task_id] if self.task_id else []), *(self.task_ids or [])]))


class ListTasks(Request):
    """A page of the journal, newest first."""

    status: (
        Literal["running", "queued", "submitted", "processing", "succeeded", "failed", "cancelled", "unsure"] | None
    ) = None
    query: str | None = Field(None, max_length=200, description="Words in the prompt or label")
    since: str | None = Field(None, max_length=10, pattern=r"^\d{4}-\d{2}-\d{2}$", description="YYYY-MM-DD, local")
    limit: int = Field(20, ge=1, le=100)
    cursor: str | None = Field(None, max_length=80, description="From the previous page")


class ListModels(Request):
    """The capability map, filtered."""

    model: str | None = Field(None, description="Only this id, with every detail")
    tool: Literal["create_video"] | None = None
    seconds: int | None = Field(None, ge=1)
    resolution: Resolution | None = None
    audio: bool | None = None
    last_image: bool | None = None


class ViewVideo(Request):
    """A look at a video on disk."""

    task_id: TaskId | None = None
    video: str | None = Field(None, description="Or a path of a video")
    frames: int | None = Field(None, ge=1, le=16, description="Pictures on the sheet")
    at_seconds: float | None = Field(None, ge=0, description="One frame at this time instead")

    @model_validator(mode="after")
    def _one(self) -> ViewVideo:
        if bool(self.task_id) == bool(self.video):
            raise ValueError("Give task_id or video, and only one of them")
        return self
