"""An agent of pydantic-ai makes a video: `python pydantic_ai_video.py [MODEL]`, with the key that the model needs set.

pip install "pydantic-ai-slim[mcp,openai]" "kling-mcp[media]"
"""

import asyncio
import os
import sys

from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.models import Model

WISH = "Make a five-second video of a paper boat in the rain. Wait until it is done; tell me where the file is."


async def make_video(model: Model | str, wish: str = WISH) -> str:
    """Return what the agent says once it is done."""
    # A server is given nothing of the environment that is not named.
    env = {name: value for name, value in os.environ.items() if name.startswith("KLING_")}
    kling = MCPToolset(
        StdioTransport("kling-mcp", [], env=env, keep_alive=False), init_timeout=30, include_instructions=True
    )
    agent = Agent(model, toolsets=[kling])
    async with agent:
        return (await agent.run(wish)).output


if __name__ == "__main__":
    print(asyncio.run(make_video(sys.argv[1] if len(sys.argv) > 1 else "openai:gpt-5")))
