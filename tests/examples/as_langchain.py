"""The example of LangChain with a scripted model."""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_video import make_video
from script import Call, next_move


class Scripted(BaseChatModel):
    """Answers as the script says."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Scripted:
        """Take any tools: the script knows its own."""
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        answers = [message.text for message in messages if isinstance(message, ToolMessage)]
        move = next_move(answers)
        if isinstance(move, Call):
            call = {"name": move.tool, "args": move.arguments, "id": f"call-{len(answers)}"}
            said = AIMessage(content="", tool_calls=[call])
        else:
            said = AIMessage(content=move)
        return ChatResult(generations=[ChatGeneration(message=said)])


if __name__ == "__main__":
    print(asyncio.run(make_video(Scripted())))
