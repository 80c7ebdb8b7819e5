"""Logs on stderr without secrets: stdout is the protocol, and what is logged ends up in bug reports.

The words are cleaned after formatting, so that arguments and tracebacks are covered as well as messages.
"""

from __future__ import annotations

import logging
import re
import secrets
import sys
from collections.abc import Iterable
from urllib.parse import quote

HIDDEN = "[secret]"

#: Anything that authorises, also when it is not one of our own settings: headers, JWTs, signed addresses.
_TOKENS = (
    (
        re.compile(
            r"""(?i)\b(authorization['"]?\s*[:=,]\s*(?:b?['"])?(?:(?:bearer|basic|key)\s+)?|bearer\s+)[^\s'",]+"""
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+"), HIDDEN),
    (re.compile(r"(https?://[^\s?'\"]+\?)[^\s'\"]+"), rf"\1{HIDDEN}"),
)

#: They log requests line by line, with headers at DEBUG.
_WIRE = ("httpx2", "httpcore2", "httpx", "httpcore", "hpack")


class CleanFormatter(logging.Formatter):
    """Formats a record, then takes every secret out of the whole text."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        forms = {form for secret in known if secret for form in (secret, quote(secret, safe=""))}
        # The longest first: one secret may be the beginning of another.
        self._known = tuple(sorted(forms, key=len, reverse=True))

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback if there is one, cleaned."""
        return self.clean(super().format(record))

    def clean(self, text: str) -> str:
        """Return text without secrets."""
        for secret in self._known:
            text = text.replace(secret, HIDDEN)
        for pattern, instead in _TOKENS:
            text = pattern.sub(instead, text)
        return text


def log_to_stderr(level: str, known_secrets: Iterable[str]) -> None:
    """Make stderr the only place that logs go to."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(CleanFormatter(known_secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _WIRE:
        logging.getLogger(name).setLevel(logging.WARNING)


def incident(logger: logging.Logger, what: str, error: BaseException) -> str:
    """Log an unexpected error with its traceback; return the short id that finds it again."""
    name = secrets.token_hex(4)
    logger.error("incident %s: %s", name, what, exc_info=error)
    return name
