"""The providers there are: which dialect each speaks, at which address, with which credentials.

Pure: settings come in as plain values, and nothing is opened. A new gateway is one entry in `GATEWAYS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kling_tools.model.errors import BadSettings, quoted
from kling_tools.providers.vendor import KLING, Vendor

if TYPE_CHECKING:
    from kling_tools.model.plan import Route
    from kling_tools.providers.dialect import Dialect

#: kling-official 1.1. Accounts, keys and tasks belong to one region.
REGIONS: Mapping[str, str] = {
    "global": "https://api-singapore.klingai.com",
    "china": "https://api-beijing.klingai.com",
}


def _official() -> Dialect:
    # Each of these imports waits until its dialect is spoken: the settings look at this room, and start-up is measured.
    from kling_tools.providers.kling.official import Official

    return Official()


def _legacy() -> Dialect:
    from kling_tools.providers.kling.legacy import Legacy

    return Legacy(pair=True)


def _acedata() -> Dialect:
    from kling_tools.providers.acedata import (
        AceData,
    )  # each of these imports waits until its key is set: start-up is measured

    return AceData()


def _aimlapi() -> Dialect:
    from kling_tools.providers.aimlapi import AimlApi

    return AimlApi()


def _fal() -> Dialect:
    from kling_tools.providers.fal import Fal

    return Fal()


def _kie() -> Dialect:
    from kling_tools.providers.kie import Kie

    return Kie()


def _kling3api() -> Dialect:
    from kling_tools.providers.kling3api import Kling3Api

    return Kling3Api()


def _piapi() -> Dialect:
    from kling_tools.providers.piapi import PiAPI

    return PiAPI()


def _replicate() -> Dialect:
    from kling_tools.providers.replicate import Replicate

    return Replicate()


@dataclass(frozen=True)
class Gateway:
    """A reseller: who it is, and how its API is spoken; its models and prices are `catalog/gateways/<name>.toml`."""

    vendor: Vendor
    dialect: Callable[[], Dialect]


GATEWAYS: tuple[Gateway, ...] = (
    Gateway(
        Vendor(
            name="acedata",
            title="AceDataCloud",
            key="ACEDATACLOUD_API_KEY",
            base="ACEDATACLOUD_BASE_URL",
            address="https://api.acedata.cloud",
            console="https://platform.acedata.cloud",
        ),
        _acedata,
    ),
    Gateway(
        Vendor(
            name="aimlapi",
            title="AI/ML API",
            key="AIMLAPI_API_KEY",
            base="AIMLAPI_BASE_URL",
            address="https://api.aimlapi.com",
            console="https://aimlapi.com/app/keys",
        ),
        _aimlapi,
    ),
    Gateway(
        Vendor(
            name="fal",
            title="fal.ai",
            key="FAL_KEY",
            base="FAL_BASE_URL",
            address="https://queue.fal.run",
            console="https://fal.ai/dashboard/keys",
            word="Key ",
            hosts={"platform": "https://api.fal.ai", "storage": "https://rest.fal.ai"},
        ),
        _fal,
    ),
    Gateway(
        Vendor(
            name="kie",
            title="Kie.ai",
            key="KIE_API_KEY",
            base="KIE_BASE_URL",
            address="https://api.kie.ai",
            console="https://kie.ai/api-key",
            hosts={"upload": "https://kieai.redpandaai.co"},
            ringer="KIE_WEBHOOK_KEY",
        ),
        _kie,
    ),
    Gateway(
        Vendor(
            name="kling3api",
            title="kling3api.com",
            key="KLING3API_KEY",
            base="KLING3API_BASE_URL",
            address="https://kling3api.com",
            console="https://kling3api.com",
        ),
        _kling3api,
    ),
    Gateway(
        Vendor(
            name="piapi",
            title="PiAPI",
            key="PIAPI_API_KEY",
            base="PIAPI_BASE_URL",
            address="https://api.piapi.ai",
            console="https://piapi.ai/workspace/key",
            header="x-api-key",
            word="",
            hosts={"upload": "https://upload.theapi.app"},
        ),
        _piapi,
    ),
    Gateway(
        Vendor(
            name="replicate",
            title="Replicate",
            key="REPLICATE_API_TOKEN",
            base="REPLICATE_BASE_URL",
            address="https://api.replicate.com",
            console="https://replicate.com/account/api-tokens",
        ),
        _replicate,
    ),
)

_CLEAN = re.compile(r"[!-~]*")


@dataclass(frozen=True)
class Connection:
    """A configured provider. Its repr shows no secret; `callback_url` is one, where nothing else proves a callback.

    Raises:
        BadSettings: a credential with characters that no HTTP header can carry.
    """

    provider: str
    dialect: Dialect
    base_url: str
    api_key: str = field(default="", repr=False)
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    simulated: bool = False
    vendor: Vendor = field(default=KLING, repr=False)
    callback_url: str = field(default="", repr=False)
    ringer: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Refuse here what would otherwise break inside the wire, with the secret in the error's text."""
        for name in ("api_key", "access_key", "secret_key"):
            if not _CLEAN.fullmatch(getattr(self, name)):
                variable = self.vendor.key if name == "api_key" else f"KLING_{name.upper()}"
                raise BadSettings(
                    f"{variable} has spaces, line ends or other characters that no key has.",
                    advice=f"Copy it once more from {self.vendor.console}.",
                )

    @property
    def route(self) -> Route:
        """The way to the provider, as plans have it."""
        traits = self.dialect.traits
        from kling_tools.model.plan import Route

        return Route(self.provider, self.dialect.standards, traits.finds, traits.files, traits.file_bytes)

    @property
    def official(self) -> bool:
        """Whether it is Kling's own API, or the simulated one."""
        return self.vendor is KLING

    def host(self, name: str) -> str:
        """Return the address of another host of the provider's; where the person set another base, it is that one."""
        own = self.base_url == self.vendor.address
        return self.vendor.hosts[name].rstrip("/") if own else self.base_url


def kling_connection(*, api_key: str, access_key: str, secret_key: str, base_url: str, region: str) -> Connection:
    """Return the official provider: an API key wins and opens all of it, a key pair only the legacy API.

    Raises:
        BadSettings: no credentials, half a pair, or an unknown region.
    """
    address = _address(base_url, region)
    if key := _bare(api_key):
        return Connection("kling", _official(), address, api_key=key)
    access, secret = access_key.strip(), secret_key.strip()
    if access and secret:
        return Connection("kling", _legacy(), address, access_key=access, secret_key=secret)
    if access or secret:
        missing = "KLING_SECRET_KEY" if access else "KLING_ACCESS_KEY"
        raise BadSettings(f"Half of the key pair is missing: {missing}.", advice="Set both, or set KLING_API_KEY.")
    raise BadSettings(
        "There are no Kling credentials.", advice="Set KLING_API_KEY (made at https://kling.ai/dev/api-key)."
    )


def sandbox_connection(api_key: str, base_url: str) -> Connection:
    """Return the simulated Kling, which speaks all of the official API."""
    return Connection("sandbox", _official(), base_url.rstrip("/"), api_key=_bare(api_key), simulated=True)


def gateway_connection(gateway: Gateway, *, api_key: str, base_url: str = "", ringer: str = "") -> Connection:
    """Return a gateway that is spoken to with a key; `ringer` is the key that the person has set for its callbacks.

    Raises:
        BadSettings: the key is none.
    """
    vendor, key = gateway.vendor, _bare(api_key)
    if not key:
        raise BadSettings(f"{vendor.key} is not set.", advice=f"A key is made at {vendor.console}.")
    address = base_url.strip().rstrip("/") or vendor.address
    return Connection(
        vendor.name,
        gateway.dialect(),
        address,
        api_key=key,
        vendor=vendor,
        ringer=ringer,
    )


def _address(base_url: str, region: str) -> str:
    if base_url.strip():
        return base_url.strip().rstrip("/")
    if address := REGIONS.get(region.strip().lower()):
        return address
    raise BadSettings(f"There is no region {quoted(region, 40)}.", advice=f"Use one of: {', '.join(REGIONS)}.")


def _bare(key: str) -> str:
    """Return the key without the header's own word, which people copy along."""
    return re.sub(r"^(bearer|key|token)\s+", "", key.strip(), flags=re.IGNORECASE)
