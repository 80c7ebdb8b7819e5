"""The example of the OpenAI Agents SDK with a scripted model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from agents import Model, ModelResponse, Usage, set_tracing_disabled
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText
from openai_agents_video import make_video
from script import Call, next_move


class Scripted(Model):
    """Answers as the script says."""

    async def get_response(self, system_instructions: Any, input: Any, *args: Any, **kwargs: Any) -> ModelResponse:
        """Return one call, or the last words."""
        items = [] if isinstance(input, str) else input
        outputs = [item["output"] for item in items if item.get("type") == "function_call_output"]
        move = next_move(
            [o if isinstance(o, str) else "\n".join(block.get("text", "") for block in o) for o in outputs]
        )
        if isinstance(move, Call):
            arguments = json.dumps(move.arguments)
            said: Any = ResponseFunctionToolCall(
                type="function_call", call_id=f"call-{len(outputs)}", name=move.tool, arguments=arguments
            )
        else:
            text = ResponseOutputText(type="output_text", text=move, annotations=[])
            said = ResponseOutputMessage(
                id="last", type="message", role="assistant", status="completed", content=[text]
            )
        return ModelResponse(output=[said], usage=Usage(), response_id=None)

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        """Refuse: the example does not stream."""
        raise NotImplementedError


if __name__ == "__main__":
    set_tracing_disabled(True)  # it would be sent to OpenAI
    print(asyncio.run(make_video(Scripted())))
