"""Prompts that people pick from a menu: each fills a few words of theirs into the way a task is done well here.

They are for people, and say to the agent what a person who knows Kling would say. What is filled in is quoted: it is
what the person wants, and not how the agent works.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, GetPromptResult, Prompt, PromptArgument, PromptMessage, TextContent

from kling_tools.model.errors import one_line, quoted

#: Longer than any prompt that Kling takes.
MOST = 5000

WAY = (
    "Use estimate_cost first and tell me the price. Then call the tool, follow the task with check_status until it has "
    "ended, look at the result with view_video, and tell me where the file is and what you would change."
)


@dataclass(frozen=True)
class Argument:
    """One thing the person may fill in; `words` is how it is said to the agent."""

    name: str
    description: str
    words: str
    required: bool = False


MODEL = Argument("model", "A model id; else it is chosen", "Model")
RATIO = Argument("aspect_ratio", "16:9, 9:16, 1:1, ...", "Aspect ratio")
SECONDS = Argument("seconds", "How long in all", "Length in seconds")


@dataclass(frozen=True)
class Form:
    """One prompt: what it asks of the agent, what the person fills in, and the `tool` that it comes to."""

    name: str
    tool: str
    title: str
    description: str
    task: str
    arguments: tuple[Argument, ...]

    def listed(self) -> Prompt:
        """Return it as hosts list it."""
        arguments = [
            PromptArgument(name=a.name, description=a.description, required=a.required) for a in self.arguments
        ]
        return Prompt(name=self.name, title=self.title, description=self.description, arguments=arguments)

    def filled(self, given: Mapping[str, str]) -> GetPromptResult:
        """Return it with what the person filled in.

        Raises:
            MCPError: something is missing, unknown or too long.
        """
        known = {argument.name for argument in self.arguments}
        if unknown := sorted(given.keys() - known):
            raise _wrong(f"{self.name} has no argument {quoted(unknown[0], 40)}; there are {', '.join(sorted(known))}.")
        values = {name: value.strip() for name, value in given.items() if value.strip()}
        if missing := [a.name for a in self.arguments if a.required and a.name not in values]:
            raise _wrong(f"{self.name} needs {' and '.join(missing)}.")
        if long := [name for name, value in values.items() if len(value) > MOST]:
            raise _wrong(f"{long[0]} takes at most {MOST} characters.")
        wanted = [f"- {a.words}: {quoted(values[a.name], MOST + 2)}" for a in self.arguments if a.name in values]
        text = "\n".join([self.task, "", *wanted, "", WAY])
        message = PromptMessage(role="user", content=TextContent(type="text", text=text))
        return GetPromptResult(description=self.description, messages=[message])


def _wrong(words: str) -> MCPError:
    return MCPError(INVALID_PARAMS, words)


FORMS = (
    Form(
        "storyboard",
        "create_video",
        "Storyboard",
        "A film of several shots from one idea",
        "Make a film with create_video and its shots. First write the storyboard: one line for each shot with its "
        "words and seconds, each shot one event and one camera movement, the same people and places described in the "
        "same words, and an end that answers the beginning. Show it to me and wait for my yes before anything is "
        "bought. Where each shot should go on from the one before, use continuous.",
        (
            Argument("idea", "What the film is about", "The idea", required=True),
            Argument("shots", "How many", "Number of shots"),
            SECONDS,
            Argument("style", "Light, lens, mood, period", "Look"),
            RATIO,
            MODEL,
        ),
    ),
    Form(
        "shot",
        "create_video",
        "One shot",
        "One video from a few words",
        "Make one video with create_video. Write the prompt as one shot: who or what with two or three visible traits, "
        "one movement with a beginning and an end, where and when, one camera movement, light and look. Read "
        "kling://guide if you have not.",
        (
            Argument("subject", "Who or what, and what happens", "What is seen", required=True),
            Argument("camera", "How the camera moves", "Camera"),
            Argument("style", "Light, lens, mood, period", "Look"),
            SECONDS,
            RATIO,
            MODEL,
            Argument("provider", "Who makes it; else the configured one", "Provider"),
        ),
    ),
    Form(
        "animate_image",
        "create_video",
        "Bring a picture to life",
        "A video that starts from a picture",
        "Make a video from this picture. Look at it first, if you can. The picture says who, where and in what "
        "light: write only what moves and how the camera moves, with create_video and image. Where an effect is named, "
        "use apply_effect with it instead.",
        (
            Argument("image", "A path, an https address or a task id", "The picture", required=True),
            Argument("motion", "What should move, and how", "Movement"),
            Argument("effect", "A ready-made effect scene instead", "Effect scene"),
            SECONDS,
            MODEL,
        ),
    ),
    Form(
        "product_ad",
        "create_video",
        "Product film",
        "A short film that shows a product",
        "Make a short film that shows this product, with create_video: one clear idea, the product recognisable from "
        "the first second, its material and its use visible, no text in the picture. With a picture of it use that as "
        "image or in references, so that it looks like itself. Offer me two ideas with prices, and wait for my choice.",
        (
            Argument("product", "What it is, and what is good about it", "The product", required=True),
            Argument("image", "A picture of it: a path, an https address or a task id", "Picture of it"),
            Argument("audience", "Who it is for", "For"),
            SECONDS,
            RATIO,
            MODEL,
        ),
    ),
    Form(
        "talking_portrait",
        "create_avatar",
        "Talking portrait",
        "A person in a picture says something",
        "Make the person in this picture speak, with create_avatar. Only go on where I may use this person's picture "
        "and voice. Say the words as they are; where they are too long for one task, tell me.",
        (
            Argument("image", "A portrait: a path, an https address or a task id", "The portrait", required=True),
            Argument("text", "What is said", "The words", required=True),
            Argument("voice", "A voice id; else one is chosen", "Voice"),
            MODEL,
        ),
    ),
)
PROMPTS = {form.name: form for form in FORMS}


def prompt(name: str, given: Mapping[str, str]) -> GetPromptResult:
    """Return a prompt with what the person filled in.

    Raises:
        MCPError: there is no such prompt, or not with these arguments.
    """
    if name not in PROMPTS:
        raise _wrong(f"There is no prompt {one_line(name, 60)}; there are {', '.join(PROMPTS)}.")
    return PROMPTS[name].filled(given)
