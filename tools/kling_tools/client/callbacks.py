"""Callbacks that come in: proven where they can be, kept in mind against replay, believed only in whom to ask about.

Each provider signs in its own way, or not at all. So each address has a part that only the provider was told, and each
provider a function that reads what comes in there.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence

from kling_tools.model.errors import CallbackRepeated
from kling_tools.providers.kling.callbacks import Hint, ReplayGuard, hint, verify
from kling_tools.providers.registry import Connection

_SIGNATURE, _ID = "webhook-signature", "webhook-id"

#: Reads one callback: its headers, its body byte for byte, and the time in seconds since the epoch.
Read = Callable[[Mapping[str, str], bytes, float], Hint]


def readers(webhook_secrets: Sequence[str]) -> dict[str, Read]:
    """Return what reads callbacks, by provider. One without an entry is asked about, and tells nothing by itself."""
    kling = Callbacks(webhook_secrets).read
    return {"kling": kling, "sandbox": kling}


def token(connection: Connection) -> str:
    """Return the part of the address that only the provider is told.

    Made from the credentials: every replica that has them knows it, nobody else does, and nothing has to be kept.
    """
    credential = connection.api_key or connection.secret_key
    return hmac.digest(credential.encode(), f"callbacks {connection.provider}".encode(), hashlib.sha256).hex()[:40]


def address(base: str, connection: Connection) -> str:
    """Return where a provider is asked to call, below the server's public address; empty without one."""
    if not base:
        return ""
    return f"{base.removesuffix('/callbacks')}/callbacks/{connection.provider}/{token(connection)}"


class Callbacks:
    """Kling's door. `secrets` are the person's `whsec_…`, two while they are rotated, none where unset.

    Whether old products sign at all is not known (kling-official 8.2): an unsigned callback is a hint all the same, and
    costs one query. A signature that is there has to be right.
    """

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        self._secrets = tuple(secrets)
        self._seen = ReplayGuard()

    def __repr__(self) -> str:
        """Show no secret."""
        return f"Callbacks({len(self._secrets)} secrets)"

    def read(self, headers: Mapping[str, str], body: bytes, now: float) -> Hint:
        """Return which task a callback is about; `now` in seconds since the epoch.

        Raises:
            CallbackRefused: forged, too old, too large, or no callback. CallbackRepeated: it was taken before.
            BadSettings: a secret that is none.
        """
        given = {name.lower(): value for name, value in headers.items()}
        signed = bool(self._secrets) and _SIGNATURE in given
        if signed:
            verify(self._secrets, given, body, now)
            if not self._seen.first(given[_ID], now):
                raise CallbackRepeated("The callback came before.")
        return hint(body, signed=signed)
