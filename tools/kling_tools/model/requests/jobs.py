"""What can be asked about tasks, prices and models, and the look at a result: free, every one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from kling_tools.model.requests.base import Request, Resolution, TaskId, WaitSeconds


class EstimateCost(Request):
    """The price of a spending tool's arguments."""

    tool: str = Field(max_length=200, description="The spending tool")
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


class CancelTask(Request):
    """A task that is not wanted any more."""

    task_id: TaskId


class ListTasks(Request):
    """A page of the journal, newest first."""

    status: (
        Literal["running", "queued", "submitted", "processing", "succeeded", "failed", "cancelled", "unsure"] | None
    ) = None
    query: str | None = Field(None, max_length=200, description="Words in the prompt or label")
    since: str | None = Field(None, max_length=200, pattern=r"^\d{4}-\d{2}-\d{2}$", description="YYYY-MM-DD, local")
    limit: int = Field(20, ge=1, le=100)
    cursor: str | None = Field(None, max_length=200, description="From the previous page")


class ListModels(Request):
    """The capability map, filtered."""

    model: str | None = Field(None, description="Only this id, in detail")
    tool: str | None = Field(None, max_length=200)
    seconds: int | None = Field(None, ge=1)
    resolution: Resolution | None = None
    audio: bool | None = None
    last_image: bool | None = None
    provider: str | None = Field(None, max_length=200)


class JoinVideos(Request):
    """Several videos as one."""

    videos: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=2, max_length=30)] = Field(
        description="Task ids or paths, in order; with @1.5-4 behind it only these seconds"
    )
    transition: Literal["cut", "crossfade"] = "cut"
    name: str = Field("", max_length=200)


class ViewVideo(Request):
    """A look at a result or a video on disk."""

    task_id: TaskId | None = None
    video: str | None = Field(None, description="Or a path")
    frames: int | None = Field(None, ge=1, le=16)
    at_seconds: float | None = Field(None, ge=0)
    compare_with: str | None = None
    detail: Literal["low", "high"] | None = None

    @model_validator(mode="after")
    def _one(self) -> ViewVideo:
        if bool(self.task_id) == bool(self.video):
            raise ValueError("Give task_id or video, and only one of them")
        if self.compare_with is not None and self.at_seconds is not None:
            raise ValueError("Give at_seconds or compare_with, and only one of them")
        return self
