"""What every test shares: asyncio as the only backend, and no credentials of the person who runs them."""

from __future__ import annotations

import os

import pytest

for name in [n for n in os.environ if n.startswith("KLING_") and n != "KLING_UPDATE_SNAPSHOTS"]:
    del os.environ[name]


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio, as the server does."""
    return "asyncio"
