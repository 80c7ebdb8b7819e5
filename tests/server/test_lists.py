"""Lists are paged, newest first; prompts take what they say, and arguments are offered while somebody types."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, PromptReference, Resource, ResourceTemplateReference, TextContent
from tests.server.acting import ActingStudio, Era, a_task, both_eras, serving, session, settings_in

from kling_mcp.app import INSTRUCTIONS, build_server
from kling_mcp.prompts import FORMS, PROMPTS
from kling_tools.model.status import Status
from kling_tools.studio import Studio

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def an_id(number: int) -> str:
    """Return a task id."""
    return f"k{ALPHABET[number // 32]}{ALPHABET[number % 32]}0000000000"


async def pages(client: Client) -> list[list[Resource]]:
    """Return every page of what is listed."""
    found = [await client.list_resources()]
    while found[-1].next_cursor:
        found.append(await client.list_resources(cursor=found[-1].next_cursor))
    return [page.resources for page in found]


@both_eras
@pytest.mark.anyio
async def test_every_task_is_listed_once_newest_first_in_pages(era: Era, tmp_path: Path) -> None:
    tasks = [a_task(an_id(n), Status.SUCCEEDED, created=1.79e9 + n, label=f"task {n}") for n in range(120)]
    async with Studio.open(settings_in(tmp_path)) as studio:
        await asyncio.gather(*(studio._journal.enqueue(task, None, again=True) for task in tasks))
        async with session(serving(studio), era) as client:
            first, *rest = await pages(client)
            with pytest.raises(MCPError) as caught:
                await client.list_resources(cursor="bm8gY3Vyc29y")
    assert [resource.name for resource in first[:6]] == ["tasks", "models", "prices", "account", "guide", "gallery"]
    listed = [first[6:], *rest]
    assert [len(page) for page in listed] == [50, 50, 20]
    assert [r.name for page in listed for r in page] == [task.id for task in reversed(tasks)]
    assert (listed[0][0].title, listed[0][0].uri) == ("task 119", f"kling://tasks/{tasks[-1].id}")
    assert "succeeded, SIMULATED, create_video" in str(listed[0][0].description)
    assert caught.value.error.code == INVALID_PARAMS


@both_eras
@pytest.mark.anyio
async def test_what_is_told_of_lists_says_how_long_it_lasts(era: Era, tmp_path: Path) -> None:
    async with session(build_server(settings_in(tmp_path)), era) as client:
        lasting = [await client.list_tools(), await client.list_prompts(), await client.list_resource_templates()]
        passing = await client.list_resources()
    if era != "legacy":  # the older protocol has no word for it
        assert {(one.ttl_ms, one.cache_scope) for one in lasting} == {(300_000, "public")}
        assert (passing.ttl_ms, passing.cache_scope) == (0, "private")


@both_eras
@pytest.mark.anyio
async def test_changes_are_promised_in_the_handshake(era: Era, tmp_path: Path) -> None:
    async with session(build_server(settings_in(tmp_path)), era) as client:
        able = client.server_capabilities
    assert able is not None
    assert able.resources is not None
    assert (able.resources.subscribe, able.resources.list_changed) == (True, True)
    assert able.prompts is not None
    assert able.completions is not None


@both_eras
@pytest.mark.anyio
async def test_a_prompt_says_what_was_filled_in(era: Era, tmp_path: Path) -> None:
    async with session(serving(ActingStudio(settings_in(tmp_path))), era) as client:
        listed = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
        assert list(listed) == ["storyboard", "shot", "animate_image", "product_ad", "talking_portrait"]
        for prompt in listed.values():
            assert prompt.title
            assert prompt.description
            assert all(argument.description for argument in prompt.arguments or ())
            given = {argument.name: f'my "{argument.name}"' for argument in prompt.arguments or ()}
            (message,) = (await client.get_prompt(prompt.name, given)).messages
            assert isinstance(message.content, TextContent)
            assert all(f"\"my '{name}'\"" in message.content.text for name in given)
            assert "estimate_cost" in message.content.text
            assert PROMPTS[prompt.name].tool in message.content.text


@both_eras
@pytest.mark.parametrize(
    ("name", "given", "word"),
    [
        ("shot", {}, "needs subject"),
        ("shot", {"subject": "  "}, "needs subject"),
        ("shot", {"subject": "a fox", "lens": "50 mm"}, "no argument"),
        ("shot", {"subject": "a" * 5001}, "at most 5000"),
        ("talking_portrait", {}, "image and text"),
        ("poem", {}, "There is no prompt"),
    ],
)
@pytest.mark.anyio
async def test_a_prompt_that_cannot_be_filled_is_refused(
    era: Era, name: str, given: dict[str, str], word: str, tmp_path: Path
) -> None:
    async with session(serving(ActingStudio(settings_in(tmp_path))), era) as client:
        with pytest.raises(MCPError) as caught:
            await client.get_prompt(name, given)
    assert caught.value.error.code == INVALID_PARAMS
    assert word in caught.value.error.message


TASK = ResourceTemplateReference(type="ref/resource", uri="kling://tasks/{task_id}")
MODEL = ResourceTemplateReference(type="ref/resource", uri="kling://models/{model}")


def of(prompt: str) -> PromptReference:
    """Return what an argument of a prompt is completed for."""
    return PromptReference(type="ref/prompt", name=prompt)


@both_eras
@pytest.mark.parametrize(
    ("ref", "argument", "typed", "offered"),
    [
        (MODEL, "model", "o1", ["kling-o1", "kling-image-o1"]),
        (of("shot"), "model", "au", ["auto"]),
        (of("talking_portrait"), "model", "avatar", ["kling-avatar"]),
        (of("shot"), "provider", "", ["auto", "sandbox", "kling"]),
        (of("shot"), "aspect_ratio", "9", ["9:16", "16:9"]),
        (of("animate_image"), "effect", "zzz", []),
        (of("shot"), "subject", "a f", []),
        (TASK, "task_id", "k01", ["k0123456789ab"]),
        (TASK, "task_id", "fox", ["k0123456789ab", "k1123456789ab"]),
    ],
)
@pytest.mark.anyio
async def test_arguments_are_offered_while_somebody_types(
    era: Era,
    ref: PromptReference | ResourceTemplateReference,
    argument: str,
    typed: str,
    offered: list[str],
    tmp_path: Path,
) -> None:
    studio = ActingStudio(settings_in(tmp_path), journal=[a_task(), a_task("k1123456789ab")])
    async with session(serving(studio), era) as client:
        found = (await client.complete(ref, {"name": argument, "value": typed})).completion
    assert (found.values, found.total, found.has_more) == (offered, len(offered), False)


@both_eras
@pytest.mark.anyio
async def test_known_voices_and_effects_are_offered(era: Era, tmp_path: Path) -> None:
    async with session(serving(ActingStudio(settings_in(tmp_path))), era) as client:
        voices = await client.complete(of("talking_portrait"), {"name": "voice", "value": ""})
        effects = await client.complete(of("animate_image"), {"name": "effect", "value": ""})
        with pytest.raises(MCPError):
            await client.complete(of("poem"), {"name": "voice", "value": ""})
    assert voices.completion.values
    assert effects.completion.values


def test_what_hosts_cut_is_short_enough() -> None:
    assert len(INSTRUCTIONS.encode()) <= 2048
    assert all(len(form.description) <= 80 for form in FORMS)
