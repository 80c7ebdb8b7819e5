"""The example of pydantic-ai with a scripted model."""

from __future__ import annotations

import asyncio
import json

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai_video import make_video
from script import Call, next_move


def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """Answer as the script says."""
    parts = [part for message in messages for part in message.parts if isinstance(part, ToolReturnPart)]
    move = next_move([json.dumps(part.content, default=str, ensure_ascii=False) for part in parts])
    if isinstance(move, Call):
        return ModelResponse([ToolCallPart(move.tool, move.arguments)])
    return ModelResponse([TextPart(move)])


if __name__ == "__main__":
    print(asyncio.run(make_video(FunctionModel(respond))))
