"""Which kind of ask each request is: the table of contents of this room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_tools.catalog.ask import Ask
from kling_tools.catalog.data import Tables
from kling_tools.catalog.footage import EditAsk, ExtendAsk
from kling_tools.catalog.images import ImageAsk
from kling_tools.catalog.library import ElementAsk, VoiceAsk
from kling_tools.catalog.motion import EffectAsk, MotionAsk
from kling_tools.catalog.speech import AvatarAsk, LipSyncAsk, SoundAsk, SpeechAsk
from kling_tools.catalog.video import VideoAsk
from kling_tools.model import requests
from kling_tools.model.media import Source
from kling_tools.model.requests import SpendingRequest

ASKS: Mapping[type[SpendingRequest], type[Ask[Any]]] = {
    requests.CreateVideo: VideoAsk,
    requests.EditVideo: EditAsk,
    requests.ExtendVideo: ExtendAsk,
    requests.TransferMotion: MotionAsk,
    requests.ApplyEffect: EffectAsk,
    requests.LipSync: LipSyncAsk,
    requests.CreateAvatar: AvatarAsk,
    requests.CreateSpeech: SpeechAsk,
    requests.AddSound: SoundAsk,
    requests.CreateImage: ImageAsk,
    requests.CreateElement: ElementAsk,
    requests.CreateVoice: VoiceAsk,
}


def ask_of(request: SpendingRequest, sources: Mapping[str, Source], tables: Tables) -> Ask[Any]:
    """Return the request as the catalogue reads it."""
    return ASKS[type(request)](request, sources, tables)


def tool_of(request: SpendingRequest) -> str:
    """Return the tool that a request was made by."""
    return ASKS[type(request)].tool
