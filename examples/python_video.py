"""The tools without MCP and without a model: `python python_video.py [PROMPT]`.

    pip install "kling-mcp[media]"

Every tool is a value with a name, a description for models, a pydantic class of its arguments and a `run`. That is all
a framework of your own needs to offer them.
"""

import asyncio
import sys
from typing import Any

from kling_tools.operations.all import offered
from kling_tools.settings import Settings
from kling_tools.studio import Studio


async def show(done: float, total: float | None, message: str) -> None:
    """Print how far it is."""
    print(f"{done:4.0f} s  {message}", file=sys.stderr)


async def make_video(prompt: str = "a paper boat in the rain") -> str:
    """Return the path of a new video."""
    settings = Settings.from_env()
    tools = {tool.name: tool for tool in offered(settings)}
    async with Studio.open(settings) as studio:

        async def call(name: str, **arguments: Any) -> Any:
            tool = tools[name]
            return (await tool.run(studio, tool.parse(arguments), show)).facts

        task = await call("create_video", prompt=prompt, seconds=5)
        while task.status not in {"succeeded", "failed", "cancelled"}:
            [task] = (await call("check_status", task_id=task.task_id, wait_seconds=45)).tasks
    if task.status != "succeeded":
        raise SystemExit(task.error.message if task.error else task.status)
    return task.outputs[0].path


if __name__ == "__main__":
    print(asyncio.run(make_video(*sys.argv[1:2])))
