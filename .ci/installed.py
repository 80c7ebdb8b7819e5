"""Is the wheel whole? Run by a Python that has it installed, from outside the checkout.

python -I .ci/installed.py      exits 1 with what is missing
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters

COMMAND = Path(sys.executable).with_name("kling-mcp")
PACKAGES = ("kling_mcp", "kling_tools", "kling_sandbox")

#: A call of a tool, and what its answer holds when the files that it needs are in the wheel.
CALLS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("list_models", {}, "kling-3.0"),
    ("estimate_cost", {"tool": "create_video", "arguments": {"prompt": "a fox"}}, "$0.42"),
    ("estimate_cost", {"tool": "create_speech", "arguments": {"text": "Good morning to you all"}}, "$0.007"),
    ("list_tasks", {}, "'total': 0"),
    ("get_account", {}, "budget of $50.00"),
    ("create_video", {"prompt": "a fox"}, "kling-mcp[media]"),
)


async def missing() -> list[str]:
    """Return what the installed server cannot do and should."""
    lacking = [f"{p} is not marked as typed" for p in PACKAGES if not files(p).joinpath("py.typed").is_file()]
    with TemporaryDirectory() as folder:
        # No encoder, wherever this runs: then a tool has to say how to get the extra.
        env = {"KLING_DATA_DIR": folder, "KLING_OUTPUT_DIR": f"{folder}/outputs", "KLING_FFMPEG": "not-installed"}
        async with Client(StdioServerParameters(command=str(COMMAND), env=env)) as client:
            for tool, arguments, words in CALLS:
                answer = await client.call_tool(tool, arguments)
                text = f"{answer.content} {answer.structured_content}"
                if words not in text:
                    lacking.append(f"{tool} answers {text!r} and not {words!r}")
            if not (await client.read_resource("kling://guide")).contents:
                lacking.append("kling://guide is empty")
    return lacking


if __name__ == "__main__":
    found = anyio.run(missing)
    sys.stderr.write("".join(f"{line}\n" for line in found))
    sys.exit(1 if found else 0)
