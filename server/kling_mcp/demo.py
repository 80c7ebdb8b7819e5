"""`kling-mcp demo`: the main job as a host does it, without keys and without a cent.

It starts this server as a subprocess and talks to it over stdio with the SDK's own client, so what a person sees here
is what an agent gets. Real credentials are never used: only a simulated Kling is let near them.
"""

from __future__ import annotations

import os
import sys
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kling_mcp.terminal import Bar, say, say_prose
from kling_tools.settings import LOOPBACK

if TYPE_CHECKING:
    from argparse import Namespace

    from mcp import Client
    from mcp.types import CallToolResult

PROMPT = "a paper boat sails down a rainy street, camera low on the water"
#: Fast enough to watch, slow enough to see a task go through its steps.
SPEED = "12"
#: No demo takes longer than this, whatever happens.
PATIENCE = 240.0


class Halted(Exception):
    """A tool refused; its own text says why."""


def run(args: Namespace) -> int:
    """Run the demo; 0 when the video and its sheet are on disk."""
    import anyio

    image = str(Path(args.image).expanduser().absolute()) if args.image else None
    if image and not Path(image).is_file():
        say(f"There is no file {image}.")
        return 1
    try:
        anyio.run(_demo, args.prompt or PROMPT, image, environment(os.environ, image))
    except Halted as halt:
        say_prose(str(halt))
        return 1
    return 0


def environment(given: dict[str, str] | os._Environ[str], image: str | None) -> dict[str, str]:
    """Return the server's environment: a simulated Kling, and the named picture's directory to read from.

    Raises:
        Halted: KLING_BASE_URL leads to something that is no simulated Kling.
    """
    env = dict(given)
    base_url = env.get("KLING_BASE_URL", "").strip()
    if base_url and urlsplit(base_url).hostname in LOOPBACK:
        _check_simulated(base_url)
        env.setdefault("KLING_PROVIDER", "kling")
    else:
        env["KLING_PROVIDER"] = "sandbox"
    env.setdefault("KLING_SANDBOX_SPEED", SPEED)
    env.pop("KLING_DATABASE_URL", None)  # the other machines have simulators of their own
    if image:
        roots = [env.get("KLING_INPUT_ROOTS", ""), str(Path(image).parent)]
        env["KLING_INPUT_ROOTS"] = os.pathsep.join(r for r in roots if r)
    return env


def _check_simulated(base_url: str) -> None:
    from urllib.error import HTTPError, URLError
    from urllib.request import urlopen

    try:
        with urlopen(f"{base_url.rstrip('/')}/sandbox/requests", timeout=5) as answer:  # loopback only, see the caller
            headers = answer.headers
    except HTTPError as error:
        headers = error.headers
    except (URLError, OSError, ValueError) as error:
        raise Halted(f"Nothing answers at {base_url}: {error}. Start it with: kling-mcp sandbox --port 9009") from error
    if headers.get("x-kling-sandbox") is None:
        raise Halted(f"{base_url} is no simulated Kling. The demo spends nothing, so it does not go there.")


async def _demo(prompt: str, image: str | None, env: dict[str, str]) -> None:
    import anyio
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters

    server = StdioServerParameters(command=sys.executable, args=["-m", "kling_mcp"], env=env)
    arguments: dict[str, Any] = {"prompt": prompt, **({"image": image} if image else {})}
    late = f"The demo did not end within {PATIENCE:g} s; `kling-mcp tasks` tells where it stands."
    halted: Halted | None = Halted(late)
    with anyio.move_on_after(PATIENCE):
        async with Client(server) as client:
            try:
                await _make(client, arguments)
                halted = None
            except Halted as halt:
                # Raised again outside: the client's own tasks would wrap it in a group.
                halted = halt
    if halted is not None:
        raise halted


async def _make(client: Client, arguments: dict[str, Any]) -> None:
    info = client.server_info
    tools = (await client.list_tools()).tools
    name = f"{info.name} {info.version}" if info else "kling-mcp"
    say_prose(f"Connected to {name} over stdio: {len(tools)} tools. This is what an agent calls and reads.")
    _show("estimate_cost", await _call(client, "estimate_cost", tool="create_video", arguments=arguments))
    created = await _call(client, "create_video", **arguments, confirm_cost=True, again=True)
    _show("create_video", created)
    task_id = created.structured_content["task_id"] if created.structured_content else ""
    _ask("check_status")
    task = await _follow(client, task_id)
    _read(task)
    facts = (task.structured_content or {})["tasks"][0]
    if facts["status"] != "succeeded":
        raise Halted("The demo did not end with a video; the task above says why.")
    video = Path(facts["outputs"][0]["path"])
    sheet = await _look(client, task_id, video)
    say(f"\nVideo: {video}")
    say(f"Contact sheet, what the agent sees: {sheet}" if sheet else "Images are turned off (KLING_IMAGES=0).")


def _show(tool: str, result: CallToolResult) -> None:
    _ask(tool)
    _read(result)


def _ask(tool: str) -> None:
    say(f"\n> {tool}")


def _read(result: CallToolResult) -> None:
    say_prose(_text(result), first="  ", rest="  ")


async def _follow(client: Client, task_id: str) -> CallToolResult:
    """Wait in slices, as an agent does, with a progress bar."""
    with Bar() as bar:

        async def progress(done: float, total: float | None, message: str | None) -> None:
            bar.show(done, total, message or "")

        while True:
            result = await _call(client, "check_status", progress, task_id=task_id, wait_seconds=45)
            facts = (result.structured_content or {})["tasks"][0]
            if facts["status"] in {"succeeded", "failed", "cancelled"}:
                return result


async def _look(client: Client, task_id: str, video: Path) -> Path | None:
    look = await _call(client, "view_video", task_id=task_id)
    _show("view_video", look)
    for block in look.content:
        if block.type == "image":
            sheet = video.with_suffix(".sheet.jpg")
            sheet.write_bytes(b64decode(block.data))
            return sheet
    return None


async def _call(client: Client, name: str, progress: Any = None, /, **arguments: Any) -> CallToolResult:
    result = await client.call_tool(name, arguments, progress_callback=progress)
    if result.is_error:
        raise Halted(f"\n> {name}\n{_text(result)}")
    return result


def _text(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if block.type == "text")
