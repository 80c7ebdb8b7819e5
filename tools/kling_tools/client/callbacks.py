"""Callbacks that come in: proven where they can be, kept in mind against replay, believed only in whom to ask about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kling_tools.model.errors import CallbackRefused
from kling_tools.providers.kling.callbacks import Hint, ReplayGuard, hint, verify

_SIGNATURE, _ID = "webhook-signature", "webhook-id"


class Callbacks:
    """One account's door. `secrets` are the person's `whsec_…`, two while they are rotated, none where unset.

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
            CallbackRefused: forged, replayed, too old, too large, or no callback. BadSettings: a secret that is none.
        """
        given = {name.lower(): value for name, value in headers.items()}
        signed = bool(self._secrets) and _SIGNATURE in given
        if signed:
            verify(self._secrets, given, body, now)
            if not self._seen.first(given[_ID], now):
                raise CallbackRefused("The callback came before.")
        return hint(body, signed=signed)
