"""A simulated Kling: the developer API of the fact sheet as an ASGI app that needs no account and costs nothing.

It stands beside the client and shares no code with it. Both were written from the same fact sheet by different hands,
so a misreading in one is caught by the other. Importing this package is cheap; Starlette, Pillow and uvicorn load when
they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kling_sandbox.config import ACCESS_KEY, API_KEY, SECRET_KEY, SandboxConfig
from kling_sandbox.faults import Fault

if TYPE_CHECKING:
    from kling_sandbox.app import create_app
    from kling_sandbox.encoder import find_ffmpeg
    from kling_sandbox.serving import serve

__all__ = ["ACCESS_KEY", "API_KEY", "SECRET_KEY", "Fault", "SandboxConfig", "create_app", "find_ffmpeg", "serve"]


def __getattr__(name: str) -> Any:
    """Load what is heavy when it is first asked for."""
    if name == "create_app":
        from kling_sandbox.app import create_app

        return create_app
    if name == "serve":
        from kling_sandbox.serving import serve

        return serve
    if name == "find_ffmpeg":
        from kling_sandbox.encoder import find_ffmpeg

        return find_ffmpeg
    raise AttributeError(name)
