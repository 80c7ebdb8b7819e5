"""The one way to stdout, for commands that people run. While MCP is served over stdio, stdout is the protocol."""

from __future__ import annotations

import sys


def say(text: str = "") -> None:
    """Write one line for a person."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
