"""How this house speaks to PostgreSQL at all: one connection with every wait bounded, and names for what is locked.

The driver is an extra and is imported here, when it is used.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kling_tools.model.errors import StorageUnavailable, one_line

if TYPE_CHECKING:
    import psycopg

CONNECT_SECONDS = 5
#: Nothing here takes this long unless somebody else is in the way. A transaction whose process is suspended, or whose
#: machine is gone, must let go of its locks; its commit is asked about when the process wakes.
_MANNERS = b"""
SET statement_timeout = '30s';
SET lock_timeout = '30s';
SET idle_in_transaction_session_timeout = '10s';
SET synchronous_commit = on;
SET tcp_keepalives_idle = 2;
SET tcp_keepalives_interval = 2;
SET tcp_keepalives_count = 2;
"""


def connect(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    """Open a connection that commits each statement, unless told otherwise.

    Raises:
        StorageUnavailable: the driver is missing. psycopg.Error: there is no connection.
    """
    try:
        import psycopg
    except ImportError:
        raise missing_driver() from None
    raw = psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=CONNECT_SECONDS,
        application_name="kling-mcp",
        keepalives_idle=2,
        keepalives_interval=2,
        keepalives_count=2,
        tcp_user_timeout=6000,
    )
    try:
        raw.execute(_MANNERS)
    except BaseException:
        raw.close()
        raise
    return raw


def missing_driver() -> StorageUnavailable:
    """Return what to do where the extra is not installed."""
    return StorageUnavailable(
        "KLING_DATABASE_URL is set, and the driver for PostgreSQL is not installed.",
        advice="Install it with: pip install 'kling-mcp[cluster]'; or unset KLING_DATABASE_URL.",
    )


def described(url: str) -> str:
    """Return `PostgreSQL at host:port/name`: nothing that opens it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2] or "its local socket"
    return one_line(f"PostgreSQL at {host}{parts.path if len(parts.path) > 1 else ''}", 120)


def lock_key(about: str) -> int:
    """Return the number by which all replicas lock the same thing: 64 bits with a sign."""
    return int.from_bytes(hashlib.sha256(f"kling-mcp {about}".encode()).digest()[:8], "big", signed=True)
