"""What an agent can ask for: every argument described once, with the rules that need no catalogue.

These classes are the source of the tools' input schemas.
"""

from kling_tools.model.requests.base import Request, SpendingRequest
from kling_tools.model.requests.image import CreateImage
from kling_tools.model.requests.jobs import (
    CancelTask,
    CheckStatus,
    EstimateCost,
    JoinVideos,
    ListModels,
    ListTasks,
    ViewVideo,
)
from kling_tools.model.requests.library import CreateElement, CreateVoice, DeleteAsset, GetAccount, ListLibrary
from kling_tools.model.requests.speech import AddSound, CreateAvatar, CreateSpeech, LipSync
from kling_tools.model.requests.video import (
    ApplyEffect,
    CreateVideo,
    EditVideo,
    ExtendVideo,
    ShotRequest,
    TransferMotion,
)

__all__ = [
    "AddSound",
    "ApplyEffect",
    "CancelTask",
    "CheckStatus",
    "CreateAvatar",
    "CreateElement",
    "CreateImage",
    "CreateSpeech",
    "CreateVideo",
    "CreateVoice",
    "DeleteAsset",
    "EditVideo",
    "EstimateCost",
    "ExtendVideo",
    "GetAccount",
    "JoinVideos",
    "LipSync",
    "ListLibrary",
    "ListModels",
    "ListTasks",
    "Request",
    "ShotRequest",
    "SpendingRequest",
    "TransferMotion",
    "ViewVideo",
]
