"""A provider as a value: its name, its address, how its key travels, and which settings name them.

What no API's words depend on stands here, so that the wire, the signing and the settings serve every provider alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """One provider. `key` and `base` are the environment variables of its key and of another address.

    `name` is also the word of a gateway's API standard and of its catalogue. `header` carries `word` and the key.
    `hosts` are further addresses of the same provider by short names; another address replaces all of them.
    `ringer` is the variable with the key of its callbacks, where the person has to fetch that from the provider.
    """

    name: str
    title: str
    key: str
    base: str
    address: str
    console: str
    header: str = "Authorization"
    word: str = "Bearer "
    hosts: Mapping[str, str] = field(default_factory=dict)
    ringer: str = ""


#: Accounts, keys and tasks belong to one region: the address is the region's (kling-official 1.1).
KLING = Vendor(
    name="kling",
    title="Kling",
    key="KLING_API_KEY",
    base="KLING_BASE_URL",
    address="",
    console="https://kling.ai/dev/api-key",
)
