"""Async tests run on asyncio, as the product does; the network of these tests is a function or a loopback socket."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Return the event loop the product runs on."""
    return "asyncio"
