"""What hosts are told about the gallery: its address, which tools open it, and what its page may load.

A page of its own beside the tools: a host without MCP Apps ignores all of it, and every answer says the same in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mcp.server.apps import Apps, ResourceCsp, ResourcePermissions
from pydantic import BaseModel

from kling_tools.operations.answers import LookFacts, TaskFacts, TasksFacts

URI = "ui://kling/gallery.html"

#: Hosts from before the specification was settled know only the flat key.
_OPENS = {"ui": {"resourceUri": URI}, "ui/resourceUri": URI}

#: Kling's own domain. No document says where results live; what lives elsewhere is read through the host.
RESULTS = ("https://*.klingai.com",)


def opens(facts: type[BaseModel]) -> dict[str, Any] | None:
    """Return the metadata of a tool that answers with these facts: those of tasks open the gallery."""
    return _OPENS if issubclass(facts, TaskFacts | TasksFacts | LookFacts) else None


def gallery(media: Sequence[str] = RESULTS) -> Apps:
    """Return the extension that offers the page; it may play from the `media` origins and reaches nothing else."""
    apps = Apps()
    apps.add_html_resource(
        URI,
        Path(__file__).with_name("gallery.html").read_text("utf-8"),
        name="gallery",
        title="Gallery",
        description="The page on which hosts with MCP Apps show tasks.",
        csp=ResourceCsp(resource_domains=list(media)),
        permissions=ResourcePermissions(clipboard_write={}),
        prefers_border=False,
    )
    return apps
