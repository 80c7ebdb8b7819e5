"""A task that is looked for by our own id, where the provider can only be asked for a list."""

from __future__ import annotations

from typing import Any

import pytest
from tests.client.wires import Recorded, ToldClock, by_pair, enveloped

from kling_tools.client.client import Client
from kling_tools.model.errors import ProviderBroken

LIPS = "/v1/videos/advanced-lip-sync"


def task(number: int, external_id: str = "") -> dict[str, Any]:
    """Return a lip-sync as the list shows it."""
    return {"task_id": f"T-{number}", "task_status": "processing", "task_info": {"external_task_id": external_id}}


FULL = [task(n, f"k{n}") for n in range(500)]


def asking(*answers: object) -> tuple[Client, Recorded]:
    """Return a client that gets these answers."""
    network = Recorded([enveloped(answer) for answer in answers])
    return Client(by_pair(), ToldClock(), network.transport), network


@pytest.mark.anyio
async def test_others_in_the_list_are_no_fault_and_it_is_followed_until_ours_shows() -> None:
    client, network = asking(FULL, [task(900, "ours"), task(901, "x")])
    found = await client.find("ours", LIPS)
    assert found is not None
    assert found.remote.id == "T-900"
    assert [request.url.params["pageNum"] for request in network.requests] == ["1", "2"]


@pytest.mark.anyio
@pytest.mark.parametrize("last", [[], [task(1)], [task(1, "x"), task(2, "y")]], ids=len)
async def test_a_list_that_ends_without_it_says_that_there_is_none(last: list[dict[str, Any]]) -> None:
    client, _ = asking(FULL, last)
    assert await client.find("ours", LIPS) is None


@pytest.mark.anyio
async def test_a_list_without_end_does_not_say_that_there_is_none() -> None:
    client, network = asking(*[FULL] * 20)
    with pytest.raises(ProviderBroken):
        await client.find("ours", LIPS)
    assert len(network.requests) == 20
