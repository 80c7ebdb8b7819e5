"""Asking where many tasks stand: the list where it is cheaper, the id where a list does not show them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from tests.client.test_client import legacy_task, standard_task
from tests.client.wires import Handler, ToldClock, by_key, by_pair, enveloped
from tests.providers.values import HOST

from kling_tools.client.client import Client
from kling_tools.model.errors import KlingError, TooManyRequests, Unreachable
from kling_tools.model.tasks import Remote

pytestmark = pytest.mark.anyio

PRODUCT = "/text-to-video/kling-3.0"
OLD = "/v1/videos/effects"


@dataclass
class Kling:
    """An account with tasks by id: the list shows the active ones but for those that it hides."""

    tasks: dict[str, str]
    hidden: set[str] = field(default_factory=set)
    strangers: int = 0
    lists: Callable[[], httpx2.Response] | None = None
    asked: list[str] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request."""
        if request.method == "POST":
            self.asked.append("list")
            return self.lists() if self.lists else self._page(json.loads(request.content))
        ids = (request.url.params.get("task_ids") or request.url.path.rpartition("/")[2]).split(",")
        self.asked.append(f"{len(ids)} ids")
        if request.url.path.startswith("/v1/"):
            return enveloped(legacy_task(ids[0]))
        return enveloped([standard_task(i, self.tasks[i]) for i in ids if i in self.tasks])

    def _page(self, body: dict[str, Any]) -> httpx2.Response:
        shown = [i for i, status in self.tasks.items() if status == "processing" and i not in self.hidden]
        shown += [f"stranger {n}" for n in range(self.strangers)]
        start = int(body.get("cursor") or 0)
        page = [standard_task(i, "processing") for i in shown[start : start + 500]]
        following = str(start + 500) if start + 500 < len(shown) else ""
        return enveloped({"result": page, "count": len(page), "next_cursor": following, "has_more": bool(following)})


def speaking(network: Handler, *, pair: bool = False) -> Client:
    """Return a client of this network."""
    return Client(by_pair() if pair else by_key(), ToldClock(), httpx2.MockTransport(network))


def many(count: int, status: str = "processing") -> dict[str, str]:
    """Return so many tasks."""
    return {str(n): status for n in range(count)}


def remotes(tasks: dict[str, str]) -> list[Remote]:
    """Return where they are."""
    return [Remote(task_id, PRODUCT, HOST) for task_id in tasks]


async def test_few_are_asked_for_by_id() -> None:
    kling = Kling(many(60))
    sight = await speaking(kling).survey(remotes(kling.tasks))
    assert (len(sight.seen), sight.absent, sight.requests) == (60, frozenset(), 3)
    assert kling.asked == ["20 ids"] * 3


async def test_thousands_take_one_request_for_five_hundred() -> None:
    kling = Kling(many(2000))
    sight = await speaking(kling).survey(remotes(kling.tasks))
    assert (len(sight.seen), sight.requests) == (2000, 4)


async def test_what_left_the_list_is_asked_for_by_id_twenty_at_a_time() -> None:
    kling = Kling(many(500))
    kling.tasks.update({str(n): "failed" for n in range(30)})
    sight = await speaking(kling).survey(remotes(kling.tasks))
    assert kling.asked == ["list", "20 ids", "10 ids"]
    assert [sight.seen[str(n)].status for n in (0, 29, 30)] == ["failed", "failed", "processing"]


async def test_what_is_too_young_to_be_listed_is_neither_asked_for_nor_called_absent() -> None:
    kling = Kling(many(200), hidden={"7"})
    sight = await speaking(kling).survey(remotes(kling.tasks), {"7"})
    assert kling.asked == ["list"]
    assert ("7" in sight.seen, sight.absent) == (False, frozenset())


async def test_absent_is_only_what_was_asked_for_and_is_not_there() -> None:
    kling = Kling(many(200))
    sight = await speaking(kling).survey([*remotes(kling.tasks), Remote("gone", PRODUCT, HOST)])
    assert (sight.absent, len(sight.seen)) == ({"gone"}, 200)


async def test_a_list_that_does_not_show_what_runs_is_not_used_at_every_look() -> None:
    kling = Kling(many(100), hidden=set(many(100)))
    client = speaking(kling)
    for _ in range(4):
        assert len((await client.survey(remotes(kling.tasks))).seen) == 100
    assert kling.asked.count("list") == 1


async def test_a_list_full_of_strangers_is_followed_no_further_than_it_is_worth() -> None:
    kling = Kling({f"z{n}": "processing" for n in range(100)})
    kling.tasks = {**{f"a{n}": "processing" for n in range(5000)}, **kling.tasks}
    client = speaking(kling)
    ours = [r for r in remotes(kling.tasks) if r.id.startswith("z")]
    assert len((await client.survey(ours)).seen) == 100
    assert kling.asked.count("list") == 5, "by id it takes five"
    await client.survey(ours)
    assert kling.asked.count("list") == 5


async def test_a_list_that_cannot_be_read_is_no_reason_not_to_ask_by_id() -> None:
    kling = Kling(many(100), lists=lambda: httpx2.Response(500, text="<html>"))
    sight = await speaking(kling).survey(remotes(kling.tasks))
    assert (len(sight.seen), kling.asked) == (100, ["list", *["20 ids"] * 5])


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda: httpx2.Response(429, json={"code": 1302, "message": "too fast"}), TooManyRequests),
        (lambda: (_ for _ in ()).throw(httpx2.ReadError("")), Unreachable),
    ],
    ids=["too fast", "cut"],
)
async def test_who_is_told_to_go_slower_or_hears_nothing_asks_no_more(answer: Any, kind: type[KlingError]) -> None:
    kling = Kling(many(100), lists=answer)
    with pytest.raises(kind):
        await speaking(kling).survey(remotes(kling.tasks))
    assert kling.asked == ["list"]


async def test_old_products_keep_their_own_queries_beside_the_list() -> None:
    kling = Kling(many(100))
    old = [Remote(str(n), OLD, HOST) for n in range(200, 203)]
    sight = await speaking(kling).survey([*remotes(kling.tasks), *old])
    assert (len(sight.seen), kling.asked) == (103, ["list", "1 ids", "1 ids", "1 ids"])


async def test_a_pair_of_keys_asks_each_products_own_list() -> None:
    paths: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        paths.append(request.url.path)
        return enveloped([legacy_task(str(n)) for n in range(100)])

    asked = [Remote(str(n), OLD, HOST) for n in range(100)]
    sight = await speaking(answer, pair=True).survey(asked)
    assert (len(sight.seen), paths) == (100, [OLD])
