"""An agent of LangChain makes a video: `python langchain_video.py [MODEL]`, with that model's key in the environment.

    pip install langchain langchain-openai langchain-mcp-adapters

The adapters need the first major version of `mcp` and the server the second, so kling-mcp is installed beside them,
as a program of its own: `uv tool install "kling-mcp[media]"`, or `pipx install "kling-mcp[media]"`.
"""

import asyncio
import os
import sys

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools

WISH = "Make a five-second video of a paper boat in the rain. Wait until it is done; tell me where the file is."


async def make_video(model: BaseChatModel | str, wish: str = WISH) -> str:
    """Return what the agent says once it is done."""
    # A server is given nothing of the environment that is not named.
    env = {name: value for name, value in os.environ.items() if name.startswith("KLING_")}
    client = MultiServerMCPClient({"kling": {"transport": "stdio", "command": "kling-mcp", "args": [], "env": env}})
    # One session for the whole talk: without it the adapters start a server for every call.
    async with client.session("kling") as session:
        agent = create_agent(model, await load_mcp_tools(session))
        talk = await agent.ainvoke({"messages": [("user", wish)]})
        return talk["messages"][-1].text


if __name__ == "__main__":
    print(asyncio.run(make_video(sys.argv[1] if len(sys.argv) > 1 else "openai:gpt-5")))
