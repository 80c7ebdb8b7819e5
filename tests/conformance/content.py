"""What the fixtures of the protocol's own test suite are made of: content, answers and questions."""

from __future__ import annotations

import base64
import io
import wave
from typing import Any

from mcp.server.mcpserver import Context
from mcp.types import (
    CallToolResult,
    ContentBlock,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    EmbeddedResource,
    ImageContent,
    InputRequiredResult,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)
from PIL import Image

Ctx = Context[Any, Any]
Answer = CallToolResult | InputRequiredResult


def png() -> str:
    """Return a picture of one pixel."""
    buffer = io.BytesIO()
    Image.new("RGB", (1, 1), "red").save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def wav() -> str:
    """Return a sound of no length to speak of."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"\0\0")
    return base64.b64encode(buffer.getvalue()).decode()


def picture() -> ImageContent:
    """Return a picture as content."""
    return ImageContent(type="image", data=png(), mime_type="image/png")


def words(text: str) -> TextContent:
    """Return words as content."""
    return TextContent(type="text", text=text)


def embedded(uri: str, text: str, mime_type: str = "text/plain") -> EmbeddedResource:
    """Return a resource as content."""
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type=mime_type, text=text))


def said(*content: ContentBlock | str) -> CallToolResult:
    """Return an answer."""
    return CallToolResult(content=[words(one) if isinstance(one, str) else one for one in content])


def form(message: str, **properties: Any) -> ElicitRequest:
    """Return a question with these fields, all of them required."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sampled(text: str, most: int) -> CreateMessageRequest:
    """Return a question to the client's model."""
    message = SamplingMessage(role="user", content=words(text))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=most))


NAME = form("What is your name?", name={"type": "string"})
