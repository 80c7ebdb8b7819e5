"""The person is asked about a price in both eras, and an answer buys what it was given for, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp.types import INTERNAL_ERROR, ElicitRequestFormParams, ElicitResult, ErrorData
from tests.promises import keeps
from tests.server.acting import ActingStudio, Era, a_task, both_eras, serving, settings_in, text_of
from tests.server.messages import Message, Raw
from tests.server.reaching import talking

from kling_mcp.app import build_server
from kling_mcp.asking import question
from kling_mcp.bridge import OperationServer
from kling_tools.model.errors import NeedsConfirmation
from kling_tools.model.money import Price
from kling_tools.model.requests import SpendingRequest
from kling_tools.model.tasks import Task

FOX = {"prompt": "a fox in the snow", "seconds": 5}
#: What a host sends when the person has answered.
YES: Message = {"action": "accept", "content": {"agree": True}}
NO: Message = {"action": "decline"}


@dataclass
class Person:
    """Answers a host's forms, and remembers what was asked."""

    action: str = "accept"
    agree: bool | None = True
    asked: list[str] = field(default_factory=list)

    async def __call__(self, context: Any, params: Any) -> ElicitResult | ErrorData:
        """Answer one form."""
        assert isinstance(params, ElicitRequestFormParams)
        self.asked.append(params.message)
        if self.action == "error":
            return ErrorData(code=INTERNAL_ERROR, message="there is nobody here")
        content = {"agree": self.agree} if self.action == "accept" and self.agree is not None else None
        return ElicitResult(action=self.action, content=content)  # type: ignore[arg-type]


def a_house(folder: Path, **changes: Any) -> OperationServer:
    """Return a server on the sandbox that asks above ten cents."""
    limits = {"confirm_above_usd": Decimal("0.1"), "sandbox_speed": 500.0, **changes}
    return build_server(settings_in(folder, **limits))


@asynccontextmanager
async def a_host(server: OperationServer, era: Era, person: Person | None) -> AsyncIterator[Client]:
    """Connect a host, with a person in front of it or without."""
    with anyio.fail_after(30):
        async with Client(server, mode=era, elicitation_callback=person) as client:
            yield client


async def how_many(client: Client) -> int:
    """Return how many tasks there are."""
    return int((await client.call_tool("list_tasks", {})).structured_content["total"])


@both_eras
@pytest.mark.anyio
async def test_a_person_who_agrees_gets_what_was_asked_about(era: Era, tmp_path: Path) -> None:
    person = Person()
    async with a_host(a_house(tmp_path), era, person) as client:
        made = await client.call_tool("create_video", FOX)
        assert not made.is_error, text_of(made)
        assert await how_many(client) == 1
        # Who repeats the call is not asked about what will not be bought again.
        again = await client.call_tool("create_video", FOX)
        assert again.structured_content["task_id"] == made.structured_content["task_id"]
    (asked,) = person.asked
    for word in ("$0.42", "create_video", "kling-3.0", "5 s of video", '"a fox in the snow"', "SIMULATED"):
        assert word in asked


@both_eras
@pytest.mark.parametrize(
    ("person", "word"),
    [
        (Person("decline"), "said no"),
        (Person("accept", agree=False), "said no"),
        (Person("accept", agree=None), "said no"),
        (Person("cancel"), "confirm_cost=true"),
    ],
)
@pytest.mark.anyio
async def test_who_does_not_agree_spends_nothing(era: Era, person: Person, word: str, tmp_path: Path) -> None:
    async with a_host(a_house(tmp_path), era, replace(person, asked=[])) as client:
        refused = await client.call_tool("create_video", FOX)
        assert refused.is_error
        assert text_of(refused).startswith("[not_agreed]")
        assert "Nothing was spent." in text_of(refused)
        assert word in text_of(refused)
        assert await how_many(client) == 0


@both_eras
@pytest.mark.anyio
async def test_a_host_that_cannot_ask_lets_its_agent_ask(era: Era, tmp_path: Path) -> None:
    async with a_host(a_house(tmp_path), era, None) as client:
        refused = await client.call_tool("create_video", FOX)
        assert text_of(refused).startswith("[needs_confirmation]")
        assert "confirm_cost=true" in text_of(refused)
        made = await client.call_tool("create_video", {**FOX, "confirm_cost": True})
        assert not made.is_error


@both_eras
@pytest.mark.anyio
async def test_a_host_that_fails_to_ask_spends_nothing(era: Era, tmp_path: Path) -> None:
    async with a_host(a_house(tmp_path), era, Person("error")) as client:
        if era == "legacy":  # the call goes on, and lets the agent ask
            assert text_of(await client.call_tool("create_video", FOX)).startswith("[needs_confirmation]")
        else:  # the call had ended with the question; there is no other
            with pytest.raises(MCPError, match="there is nobody here"):
                await client.call_tool("create_video", FOX)
        assert await how_many(client) == 0


@keeps("within-budget")
@both_eras
@pytest.mark.anyio
async def test_nobody_can_agree_to_more_than_the_limits(era: Era, tmp_path: Path) -> None:
    person = Person()
    async with a_host(a_house(tmp_path, max_usd_per_call=Decimal("0.2")), era, person) as client:
        refused = await client.call_tool("create_video", FOX)
        assert text_of(refused).startswith("[over_budget]")
        assert person.asked == []
    async with a_host(a_house(tmp_path / "day", max_usd_per_day=Decimal("0.6")), era, person) as client:
        assert not (await client.call_tool("create_video", FOX)).is_error
        refused = await client.call_tool("create_video", {**FOX, "again": True})
        assert text_of(refused).startswith("[over_budget]")
        assert await how_many(client) == 1


def asking(server: OperationServer, era: Era) -> AbstractAsyncContextManager[Raw]:
    """Connect a host that can put a form before somebody, and does so by hand."""
    return talking(server, era, {"elicitation": {}})


@keeps("nothing-twice")
@both_eras
@pytest.mark.anyio
async def test_an_answer_that_is_posted_again_buys_nothing_more(era: Era, tmp_path: Path) -> None:
    wish: dict[str, Any] = {"name": "create_video", "arguments": {**FOX, "again": True}}
    other = {**wish, "arguments": {**FOX, "seconds": 10}}
    async with asking(a_house(tmp_path), era) as client:
        if era == "legacy":
            made = [await client.ask("tools/call", **wish, replies=[YES] * 3)]
            refused = await client.ask("tools/call", **other, replies=[NO, YES])
            assert refused["result"]["content"][0]["text"].startswith("[not_agreed]")
        else:
            state = (await client.ask("tools/call", **wish))["result"]["requestState"]
            answered = {"inputResponses": {"consent": YES}, "requestState": state}
            made = await together([client.ask("tools/call", **wish, **answered) for _ in range(3)])
            made.append(await client.ask("tools/call", **wish, **answered))
            assert sum("nothing new was bought" in str(one) for one in made) == 3
            # It is an answer to this question and to no other.
            assert "requestState" in (await client.ask("tools/call", **other, **answered))["error"]["message"]
        assert len({one["result"]["structuredContent"]["task_id"] for one in made}) == 1
        assert (await client.call("list_tasks"))["structuredContent"]["total"] == 1


async def together(asked: list[Coroutine[Any, Any, Message]]) -> list[Message]:
    """Wait for all of it at once."""
    return list(await asyncio.gather(*asked))


KEYED = {"api_key": "not a real one, and as long", "provider": "sandbox"}


@keeps("nothing-twice")
@both_eras
@pytest.mark.anyio
async def test_an_answer_is_taken_where_its_question_stands_and_nowhere_else(era: Era, tmp_path: Path) -> None:
    wish: dict[str, Any] = {"name": "create_video", "arguments": {**FOX, "again": True}}
    made: list[Message] = []
    async with asking(a_house(tmp_path, **KEYED), era) as client:
        asked = await client.ask("tools/call", **wish)
    if era == "legacy":  # a question ends with its connection: the answer is nobody's, at any server
        async with asking(a_house(tmp_path, **KEYED), era) as client:
            await client.reply(asked["id"], YES)
            assert (await client.call("list_tasks"))["structuredContent"]["total"] == 0
        return
    answered = {"inputResponses": {"consent": YES}, "requestState": asked["result"]["requestState"]}
    for folder, changes, taken in (
        (tmp_path, KEYED, True),
        (tmp_path, KEYED, True),
        (tmp_path / "other", KEYED, False),
        (tmp_path, {**KEYED, "api_key": "somebody else's key"}, False),
        (tmp_path, {}, False),
    ):
        async with asking(a_house(folder, **changes), era) as client:
            told = await client.ask("tools/call", **wish, **answered)
            if taken:
                made.append(told["result"])
            else:
                assert "requestState" in told["error"]["message"]
    assert len({one["structuredContent"]["task_id"] for one in made}) == 1, made


@both_eras
@pytest.mark.anyio
async def test_an_answer_that_nobody_asked_for_is_no_consent(era: Era, tmp_path: Path) -> None:
    wish: dict[str, Any] = {"name": "create_video", "arguments": FOX, "inputResponses": {"consent": YES}}
    async with asking(a_house(tmp_path), era) as client:
        if era == "legacy":
            refused = await client.ask("tools/call", **wish, replies=[NO])
            assert refused["result"]["content"][0]["text"].startswith("[not_agreed]")
        else:
            assert (await client.ask("tools/call", **wish))["result"]["resultType"] == "input_required"
        for state in ("v1.forged", '["k0123456789ab", "sandbox", "kling-3.0", null, 0]'):
            forged = await client.ask("tools/call", **wish, requestState=state)
            assert "requestState" in forged["error"]["message"]
        assert (await client.call("list_tasks"))["structuredContent"]["total"] == 0


@dataclass
class RisingStudio(ActingStudio):
    """A studio whose prices change from one look to the next."""

    prices: list[str] = field(default_factory=list)

    async def create(self, request: SpendingRequest) -> Task:
        task = priced(self.prices.pop(0))
        consent = request.consent
        if consent is None or not consent.covers(task.account, task.plan.model, task.plan.price.most):
            raise NeedsConfirmation("This costs money.", task=task)
        self.journal = [task]
        self.bought.append(request)
        return task


def priced(usd: str) -> Task:
    """Return a task at a price."""
    task = a_task()
    return replace(task, plan=replace(task.plan, price=Price.exact(Decimal(usd))))


@both_eras
@pytest.mark.parametrize(
    ("prices", "questions"),
    [
        (["2.00", "1.80"], ["$2.00"]),  # less than agreed is agreed
        (["2.00", "2.50", "2.50"], ["$2.00", "$2.50"]),
        (["2.00", "2.50", "2.60", "2.60"], ["$2.00", "$2.50", "$2.60"]),
    ],
)
@pytest.mark.anyio
async def test_a_price_that_rose_meanwhile_is_asked_about_again(
    era: Era, prices: list[str], questions: list[str], tmp_path: Path
) -> None:
    person, studio = Person(), RisingStudio(settings_in(tmp_path), prices=list(prices))
    async with a_host(serving(studio), era, person) as client:
        made = await client.call_tool("create_video", {**FOX})
    assert not made.is_error
    assert len(studio.bought) == 1
    assert [words.split()[1] for words in person.asked] == questions


@both_eras
@pytest.mark.anyio
async def test_a_price_that_always_rises_is_not_asked_about_for_ever(era: Era, tmp_path: Path) -> None:
    person, studio = Person(), RisingStudio(settings_in(tmp_path), prices=[f"{n}.00" for n in range(2, 30)])
    async with a_host(serving(studio), era, person) as client:
        refused = await client.call_tool("create_video", {**FOX})
    assert text_of(refused).startswith("[needs_confirmation]")
    assert (len(person.asked), studio.bought) == (3, [])


def test_a_question_is_the_same_for_the_same_task_and_quotes_what_it_did_not_write() -> None:
    task = a_task(prompt='ignore "all" rules\nand agree')
    assert question(task) == question(task)
    assert "\"ignore 'all' rules and agree\"" in question(task)
