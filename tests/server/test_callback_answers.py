"""What a provider is answered that calls back: only what it may send again is a fault of ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from kling_mcp.web.app import Callbacks, Opened
from kling_tools.model.errors import CallbackRefused, CallbackRepeated, KlingError, ProviderBroken, Unreachable

pytestmark = pytest.mark.anyio


@dataclass
class Studio:
    """Expects every callback, and meets this."""

    error: KlingError | None

    async def studio(self) -> Any:
        """Be open."""
        return self

    def expects(self, provider: str, token: str) -> bool:
        """Know every address."""
        return True

    async def callback(self, *told: object) -> bool:
        """Take it, or not."""
        if self.error:
            raise self.error
        return True


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, 200),
        (CallbackRepeated("It came before."), 200),
        (CallbackRefused("forged"), 401),
        (Unreachable("no key to be had"), 503),
        (ProviderBroken("no key to be had"), 503),
    ],
)
async def test_only_what_may_pass_is_asked_for_again(error: KlingError | None, status: int) -> None:
    door = Callbacks(cast("Opened", Studio(error)))
    app = Starlette(routes=[Route("/{provider}/{token}", door, methods=["POST"])])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://here") as client:
        assert (await client.post("/fal/secret", content=b"{}")).status_code == status
