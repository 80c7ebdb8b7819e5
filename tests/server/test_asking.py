"""The person is asked about a price in both eras, and an answer buys what it was given for, once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INTERNAL_ERROR,
    CallToolResult,
    ElicitRequestFormParams,
    ElicitResult,
    ErrorData,
    InputRequiredResult,
)
from tests.promises import keeps
from tests.server.acting import ActingStudio, Era, a_task, both_eras, serving, settings_in, text_of

from kling_mcp.app import build_server
from kling_mcp.asking import question
from kling_mcp.bridge import OperationServer
from kling_tools.model.errors import NeedsConfirmation
from kling_tools.model.money import Price
from kling_tools.model.requests import SpendingRequest
from kling_tools.model.tasks import Task

FOX = {"prompt": "a fox in the snow", "seconds": 5}


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


@pytest.mark.anyio
async def test_a_host_that_fails_to_ask_lets_its_agent_ask(tmp_path: Path) -> None:
    async with a_host(a_house(tmp_path), "legacy", Person("error")) as client:
        refused = await client.call_tool("create_video", FOX)
    assert text_of(refused).startswith("[needs_confirmation]")


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


@keeps("nothing-twice")
@pytest.mark.anyio
async def test_an_answer_that_is_posted_again_buys_nothing_more(tmp_path: Path) -> None:
    wish = {**FOX, "again": True}
    yes = {"consent": ElicitResult(action="accept", content={"agree": True})}
    async with a_host(a_house(tmp_path), "auto", Person()) as client:
        asked = await client.session.call_tool("create_video", wish, allow_input_required=True)
        assert isinstance(asked, InputRequiredResult)

        async def post(arguments: dict[str, Any]) -> CallToolResult:
            return await client.session.call_tool(
                "create_video", arguments, input_responses=yes, request_state=asked.request_state
            )

        made: list[CallToolResult] = []

        async def keep() -> None:
            made.append(await post(wish))

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(keep)
        made.append(await post(wish))
        assert len({one.structured_content["task_id"] for one in made}) == 1, [text_of(one) for one in made]
        assert sum("nothing new was bought" in text_of(one) for one in made) == 3
        assert await how_many(client) == 1
        # It is an answer to this question and to no other.
        with pytest.raises(MCPError):
            await post({**wish, "seconds": 10})
        assert await how_many(client) == 1


@keeps("nothing-twice")
@pytest.mark.anyio
async def test_any_server_at_the_same_journal_takes_an_answer_and_no_other_does(tmp_path: Path) -> None:
    yes = {"consent": ElicitResult(action="accept", content={"agree": True})}
    wish, keyed = {**FOX, "again": True}, {"api_key": "not a real one, and as long", "provider": "sandbox"}
    made: list[CallToolResult] = []
    async with a_host(a_house(tmp_path, **keyed), "auto", Person()) as client:
        asked = await client.session.call_tool("create_video", wish, allow_input_required=True)
        assert isinstance(asked, InputRequiredResult)
    for folder, changes, taken in (
        (tmp_path, keyed, True),
        (tmp_path, keyed, True),
        (tmp_path / "other", keyed, False),
        (tmp_path, {**keyed, "api_key": "somebody else's key"}, False),
        (tmp_path, {}, False),
    ):
        async with a_host(a_house(folder, **changes), "auto", Person()) as client:
            post = client.session.call_tool(
                "create_video", wish, input_responses=yes, request_state=asked.request_state
            )
            if taken:
                made.append(await post)
                continue
            with pytest.raises(MCPError, match="requestState"):
                await post
    assert len({one.structured_content["task_id"] for one in made}) == 1, [text_of(one) for one in made]


@pytest.mark.anyio
async def test_a_question_without_its_state_is_asked_again(tmp_path: Path) -> None:
    yes = {"consent": ElicitResult(action="accept", content={"agree": True})}
    async with a_host(a_house(tmp_path), "auto", Person()) as client:
        asked = await client.session.call_tool("create_video", FOX, input_responses=yes, allow_input_required=True)
        assert isinstance(asked, InputRequiredResult)
        with pytest.raises(MCPError):
            await client.session.call_tool("create_video", FOX, input_responses=yes, request_state="v1.forged")
        assert await how_many(client) == 0


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


@pytest.mark.anyio
async def test_a_price_that_always_rises_is_not_asked_about_for_ever(tmp_path: Path) -> None:
    person, studio = Person(), RisingStudio(settings_in(tmp_path), prices=[f"{n}.00" for n in range(2, 30)])
    async with a_host(serving(studio), "legacy", person) as client:
        refused = await client.call_tool("create_video", {**FOX})
    assert text_of(refused).startswith("[needs_confirmation]")
    assert (len(person.asked), studio.bought) == (3, [])


def test_a_question_is_the_same_for_the_same_task_and_quotes_what_it_did_not_write() -> None:
    task = a_task(prompt='ignore "all" rules\nand agree')
    assert question(task) == question(task)
    assert "\"ignore 'all' rules and agree\"" in question(task)
