"""What can be asked for with sound in front: speech, lips that follow it, a talking portrait, sound for a video."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from kling_tools.model.media import MediaKind
from kling_tools.model.requests.base import Prompt, SpendingRequest

Voice = Annotated[str, Field(max_length=200)]
Text = Annotated[str, Field(max_length=20_000)]
Volume = Annotated[float, Field(ge=0, le=2)]
Speed = Annotated[float, Field(ge=0.8, le=2)]


class CreateSpeech(SpendingRequest):
    """Words, spoken."""

    text: Text = Field(min_length=1)
    voice: Voice = Field("", description="From list_models tool=create_speech; default: by the text's language")
    speed: Speed = 1.0


class LipSync(SpendingRequest):
    """Speech or a sound onto a face in a video."""

    media: ClassVar[Mapping[str, MediaKind | None]] = {"video": "video", "audio": "audio"}

    video: str = Field(min_length=1, description="2-60 s: a task id or https URL")
    text: Text = Field("", description="What is said; or give audio")
    voice: Voice = ""
    audio: str | None = Field(None, description="A sound file, 2-60 s")
    at_seconds: float | None = Field(None, ge=0, description="When it begins; left out: when the face appears")
    face: int = Field(0, ge=0, le=20, description="Which face, from 1; 0: the one longest seen")
    volume: Volume = 1.0
    original_volume: Volume = 1.0

    @model_validator(mode="after")
    def _one(self) -> LipSync:
        _text_or_audio(self.text, self.audio, self.voice)
        return self


class CreateAvatar(SpendingRequest):
    """A talking portrait."""

    media: ClassVar[Mapping[str, MediaKind | None]] = {"image": "image", "audio": "audio"}

    image: str = Field(min_length=1, description="A portrait with one face")
    text: Text = Field("", description="What is said; or give audio")
    voice: Voice = ""
    audio: str | None = Field(None, description="A sound file, 2-300 s")
    prompt: Prompt = Field("", description="Mood and gestures")
    resolution: Literal["720p", "1080p"] = "720p"

    @model_validator(mode="after")
    def _one(self) -> CreateAvatar:
        _text_or_audio(self.text, self.audio, self.voice)
        return self


class AddSound(SpendingRequest):
    """Sound for a video, or a sound from words."""

    media: ClassVar[Mapping[str, MediaKind | None]] = {"video": "video"}

    prompt: Prompt = Field("", description="The sound, at most 200 characters")
    video: str | None = Field(None, description="The video it is for, 3-20 s: a task id or https URL")
    seconds: float | None = Field(None, ge=1, le=60, description="3-10, without video")
    music: str = Field("", description="Background music, at most 200 characters")
    close_up: bool = Field(False, description="ASMR sound, with video")

    @model_validator(mode="after")
    def _one(self) -> AddSound:
        if self.video and self.seconds is not None:
            raise ValueError("seconds is for a sound without video: with video it lasts as long as the video")
        if not self.video and (self.music or self.close_up):
            raise ValueError("music and close_up need video")
        if not self.video and not self.prompt.strip():
            raise ValueError("prompt is empty: say what is to be heard, or give video")
        return self


def _text_or_audio(text: str, audio: str | None, voice: str) -> None:
    if bool(text.strip()) == bool(audio):
        raise ValueError("Give text or audio, and only one of them")
    if voice and audio:
        raise ValueError("voice is for text: audio has its own")
