"""Whose request is being answered. Every face but HTTP has one caller, the owner, whose name is empty."""

from __future__ import annotations

from mcp.server.auth.middleware.auth_context import get_access_token


def calling() -> str:
    """Return the name of the caller whose request this is; tasks and money are kept apart by it."""
    access = get_access_token()
    return (access.subject or "") if access is not None else ""
