"""All vendors in one table, and each of them on a loopback port whose connections can really be cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import anyio
from tests.vendors.acedata import AceData
from tests.vendors.aiml import Aiml
from tests.vendors.fal import Fal
from tests.vendors.kie import Kie
from tests.vendors.kling3api import Kling3Api
from tests.vendors.piapi import Piapi
from tests.vendors.replicate import Replicate
from tests.vendors.vendor import Vendor

from kling_sandbox.config import SandboxConfig
from kling_sandbox.serving import serve


class Fake(StrEnum):
    """The vendors, by the names that the product gives them."""

    PIAPI = "piapi"
    AIML = "aimlapi"
    FAL = "fal"
    KIE = "kie"
    REPLICATE = "replicate"
    ACEDATA = "acedata"
    KLING3API = "kling3api"


@dataclass(frozen=True)
class Row:
    """How to make a vendor, and the environment variables that lead the product to it."""

    make: type[Vendor]
    key_variable: str
    base_url_variable: str
    ringer_variable: str = ""

    def environment(self, vendor: Vendor) -> dict[str, str]:
        """Return the variables that open one running vendor."""
        ringer = {self.ringer_variable: vendor.webhook_key} if self.ringer_variable else {}
        return {self.key_variable: vendor.key, self.base_url_variable: vendor.base_url, **ringer}


VENDORS = {
    Fake.PIAPI: Row(Piapi, "PIAPI_API_KEY", "PIAPI_BASE_URL"),
    Fake.AIML: Row(Aiml, "AIMLAPI_API_KEY", "AIMLAPI_BASE_URL"),
    Fake.FAL: Row(Fal, "FAL_KEY", "FAL_BASE_URL"),
    Fake.KIE: Row(Kie, "KIE_API_KEY", "KIE_BASE_URL", "KIE_WEBHOOK_KEY"),
    Fake.REPLICATE: Row(Replicate, "REPLICATE_API_TOKEN", "REPLICATE_BASE_URL"),
    Fake.ACEDATA: Row(AceData, "ACEDATACLOUD_API_KEY", "ACEDATACLOUD_BASE_URL"),
    Fake.KLING3API: Row(Kling3Api, "KLING3API_KEY", "KLING3API_BASE_URL"),
}


@contextlib.asynccontextmanager
async def serving(fake: Fake, **settings: Any) -> AsyncIterator[Vendor]:
    """Run a vendor on a free port; the settings are those of `Vendor`."""
    vendor = VENDORS[fake].make(**settings)
    started = anyio.Event()

    def heard(url: str) -> None:
        vendor.base_url = url
        started.set()

    running = asyncio.create_task(serve(SandboxConfig(state_dir=Path()), port=0, on_started=heard, app=vendor))
    try:
        with anyio.fail_after(20):
            await started.wait()
        yield vendor
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


@contextlib.asynccontextmanager
async def seated(fake: Fake, **settings: Any) -> AsyncIterator[Vendor]:
    """Make a vendor that is called within the process: cheaper, and for tests that cut no line."""
    vendor = VENDORS[fake].make(**settings)
    vendor.base_url = f"http://{fake}.test"
    yield vendor
