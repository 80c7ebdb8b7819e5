"""What every test shares: asyncio as the only backend, and no credentials of the person who runs them."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

# A law holds or not; how long an example takes is the machine's business.
settings.register_profile("laws", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("laws")

for name in [n for n in os.environ if n.startswith("KLING_") and n != "KLING_UPDATE_SNAPSHOTS"]:
    del os.environ[name]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long: at the end it would keep one worker busy and the others idle."""
    items.sort(key=lambda item: "scenarios" not in item.path.parts)
    for item in items:
        if isinstance(item, pytest.Function) and _asks_postgres(item):
            item.add_marker(pytest.mark.xdist_group("postgres"))  # one server for all


def _asks_postgres(item: pytest.Function) -> bool:
    given = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return "postgres" in item.fixturenames or "postgres" in given


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without the garbage collector, and take what is there then from it: it stays to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio, as the server does."""
    return "asyncio"
