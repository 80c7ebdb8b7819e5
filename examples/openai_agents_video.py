"""An agent of the OpenAI Agents SDK makes a video: `python openai_agents_video.py [MODEL]`, with OPENAI_API_KEY set.

pip install openai-agents "kling-mcp[media]"
"""

import asyncio
import os
import sys

from agents import Agent, Model, Runner
from agents.mcp import MCPServerStdio

WISH = "Make a five-second video of a paper boat in the rain. Wait until it is done; tell me where the file is."


async def make_video(model: Model | str | None = None, wish: str = WISH) -> str:
    """Return what the agent says once it is done; without a model the SDK takes its own default."""
    # A server is given nothing of the environment that is not named.
    env = {name: value for name, value in os.environ.items() if name.startswith("KLING_")}
    # check_status waits up to 50 s; the SDK would give up after 5.
    async with MCPServerStdio({"command": "kling-mcp", "env": env}, client_session_timeout_seconds=60) as kling:
        agent = Agent("Film maker", model=model, mcp_servers=[kling])
        return (await Runner.run(agent, wish, max_turns=30)).final_output


if __name__ == "__main__":
    print(asyncio.run(make_video(sys.argv[1] if len(sys.argv) > 1 else None)))
