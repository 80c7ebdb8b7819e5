"""The client's promises: a create is never repeated, a query always may be, and no failure lies about money."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import httpx2
import pytest
from tests.client.wires import KEY, START, Recorded, ToldClock, by_key, by_pair, enveloped, replied
from tests.providers.values import CLIP, EXTERNAL_ID, HOST, SPEECH, SPOKEN, an_order

from kling_tools.client.client import Client
from kling_tools.model.errors import (
    BadMedia,
    Busy,
    KlingError,
    NotAccepted,
    ProviderBroken,
    Unauthorised,
    Unreachable,
    Unsure,
)
from kling_tools.model.plan import Order, Prepared
from kling_tools.model.specs import LipSyncSpec
from kling_tools.model.tasks import Observation, Remote
from kling_tools.providers.registry import Connection

TEXT = "/v1/videos/text2video"
IMAGE = "/v1/videos/image2video"
PRODUCT = "/text-to-video/kling-3.0"
BOUGHT = Remote("882211000001", PRODUCT, HOST)


def speaking(network: Recorded, connection: Connection | None = None, **limits: float) -> Client:
    """Return a client into a recorded network."""
    return Client(connection or by_key(), ToldClock(), network.transport, **limits)


def lips(*prepared: Prepared) -> Order:
    """Return an order of three calls: words onto the lips in a video."""
    spec = LipSyncSpec(speech=SPEECH, at_seconds=None, face=0, volume=1.0, original_volume=1.0)
    order = an_order(("video", CLIP), prepared=prepared, standard="legacy")
    return replace(order, plan=replace(order.plan, spec=spec))


def standard_task(task_id: str, status: str = "processing", external_id: str = "") -> dict[str, Any]:
    """Return a task object of the current API."""
    return {"id": task_id, "status": status, "external_id": external_id}


def legacy_task(task_id: str) -> dict[str, Any]:
    """Return a task object of the first API."""
    return {"task_id": task_id, "task_status": "processing"}


@pytest.mark.anyio
async def test_a_bought_task_comes_back_with_its_place() -> None:
    network = Recorded([replied("standard", "created")])
    seen = await speaking(network).submit(an_order())
    assert seen == Observation(remote=BOUGHT, external_id=EXTERNAL_ID, status="submitted")
    assert len(network.requests) == 1


@pytest.mark.anyio
@pytest.mark.parametrize(
    "answer",
    [
        replied("standard", "refused_5000"),
        replied("standard", "refused_5002"),
        httpx2.Response(502, text="<html>Bad Gateway</html>"),
        httpx2.Response(200, content=b'{"code": 0, "data": {"id": "88'),
        enveloped({}),
        enveloped(standard_task("1", external_id="k-of-somebody-else")),
        httpx2.ReadTimeout(""),
        httpx2.ReadError(""),
        ConnectionResetError(),
    ],
    ids=repr,
)
async def test_a_create_whose_answer_is_lost_or_unreadable_is_unsure_and_sent_once(
    answer: httpx2.Response | Exception,
) -> None:
    network = Recorded([answer])
    with pytest.raises(Unsure) as caught:
        await speaking(network).submit(an_order())
    assert caught.value.spent == "unknown"
    assert len(network.requests) == 1


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (replied("standard", "refused_1201"), NotAccepted),
        (replied("standard", "refused_1303"), Busy),
        (replied("standard", "refused_1002"), Unauthorised),
        (httpx2.ConnectError("refused"), Unreachable),
    ],
)
async def test_a_create_that_was_refused_or_never_left_bought_nothing(
    answer: httpx2.Response | Exception, kind: type[KlingError]
) -> None:
    network = Recorded([answer])
    with pytest.raises(kind) as caught:
        await speaking(network).submit(an_order())
    assert caught.value.spent == "no"
    assert len(network.requests) == 1


@pytest.mark.anyio
async def test_an_order_that_cannot_be_encoded_is_not_sent() -> None:
    network = Recorded([])
    with pytest.raises(BadMedia):
        await speaking(network).submit(an_order(product="image-to-video"))
    assert network.requests == []


@pytest.mark.anyio
async def test_a_call_before_the_tasks_own_brings_what_the_next_one_needs() -> None:
    network = Recorded([replied("legacy", "spoken"), replied("legacy", "faces"), replied("legacy", "created")])
    client, order = speaking(network), lips()
    for step in ("speech", "faces"):
        brought = await client.submit(order)
        assert isinstance(brought, Prepared)
        assert brought.step == step
        order = replace(order, prepared=(*order.prepared, brought))
    seen = await client.submit(order)
    assert isinstance(seen, Observation)
    paths = [request.url.path for request in network.requests]
    assert paths == ["/v1/audio/tts", "/v1/videos/identify-face", "/v1/videos/advanced-lip-sync"]
    assert client.product(order.plan) == paths[-1], "whatever the call, the task is asked for under its own product"


@pytest.mark.anyio
@pytest.mark.parametrize("step", ["speech", "faces"])
@pytest.mark.parametrize(
    "answer",
    [replied("standard", "refused_5000"), enveloped({}), httpx2.ReadError(""), httpx2.ReadTimeout("")],
    ids=repr,
)
async def test_such_a_call_whose_answer_is_lost_is_unsure_and_sent_once(
    answer: httpx2.Response | Exception, step: str
) -> None:
    network = Recorded([answer])
    with pytest.raises(Unsure):
        await speaking(network).submit(lips() if step == "speech" else lips(SPOKEN))
    assert len(network.requests) == 1


@pytest.mark.anyio
async def test_a_create_that_exists_already_is_looked_up_and_returned() -> None:
    network = Recorded([replied("standard", "refused_1201_taken"), replied("standard", "processing")])
    seen = await speaking(network).submit(an_order())
    assert isinstance(seen, Observation)
    assert (seen.remote, seen.status) == (BOUGHT, "processing")
    assert [request.method for request in network.requests] == ["POST", "GET"]
    assert dict(network.requests[1].url.params) == {"external_task_ids": EXTERNAL_ID}


@pytest.mark.anyio
async def test_a_pairs_create_that_exists_already_is_found_under_its_product() -> None:
    network = Recorded([replied("legacy", "refused_1201_taken"), replied("legacy", "processing")])
    seen = await speaking(network, by_pair()).submit(an_order(wire_model="kling-v3"))
    assert isinstance(seen, Observation)
    assert seen.remote == Remote("LT-5001", TEXT, HOST)
    assert network.requests[1].url.path == f"{TEXT}/{EXTERNAL_ID}"


@pytest.mark.anyio
@pytest.mark.parametrize(
    "lookup",
    [
        httpx2.ConnectError("down"),
        httpx2.ReadTimeout(""),
        replied("standard", "refused_1302"),
        replied("standard", "refused_1002"),
        replied("standard", "refused_5000"),
        replied("standard", "nothing"),
        enveloped([standard_task("another", external_id="other")]),
    ],
    ids=repr,
)
async def test_trouble_in_finding_a_task_that_exists_is_never_a_refusal_of_the_create(
    lookup: httpx2.Response | Exception,
) -> None:
    with pytest.raises(Unsure):
        await speaking(Recorded([replied("standard", "refused_1201_taken"), lookup])).submit(an_order())


@pytest.mark.anyio
async def test_a_create_without_end_is_unsure_after_its_deadline() -> None:
    async def never(request: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    client = Client(by_key(), ToldClock(), httpx2.MockTransport(never), submit_seconds=0.01, query_seconds=0.01)
    with pytest.raises(Unsure):
        await client.submit(an_order())
    with pytest.raises(Unreachable):
        await client.find(EXTERNAL_ID, PRODUCT)


@pytest.mark.anyio
async def test_a_look_keeps_what_we_know_of_a_tasks_place() -> None:
    theirs = [standard_task("2"), standard_task("1", "succeeded"), standard_task("stranger")]
    other = "/image-to-video/kling-2.6"
    ours = [Remote("1", PRODUCT, HOST), Remote("2", other, "https://old.example"), Remote("3", other, HOST)]
    network = Recorded([enveloped(theirs)])
    seen = await speaking(network).look(ours)
    assert {task.remote: task.status for task in seen} == {ours[0]: "succeeded", ours[1]: "processing"}
    assert len(network.requests) == 1


@pytest.mark.anyio
async def test_a_look_follows_a_list_until_its_own_tasks_were_seen() -> None:
    remotes = [*(Remote(str(n), TEXT, HOST) for n in range(4)), Remote("i", IMAGE, HOST)]
    full = [legacy_task("0"), *(legacy_task(f"other-{n}") for n in range(499))]
    rest = [*(legacy_task(str(n)) for n in range(1, 4)), *(legacy_task(f"old-{n}") for n in range(497))]
    network = Recorded([enveloped(full), enveloped(rest), enveloped(legacy_task("i"))])
    seen = await speaking(network, by_pair()).look(remotes)
    assert [task.remote for task in seen] == remotes
    assert [request.url.params.get("pageNum") for request in network.requests] == ["1", "2", None]


@pytest.mark.anyio
async def test_nothing_to_look_at_asks_nothing() -> None:
    assert await speaking(Recorded([])).look([]) == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx2.ReadError(""), Unreachable),
        (httpx2.ConnectError(""), Unreachable),
        (httpx2.Response(502, text="<html>"), ProviderBroken),
        (replied("standard", "refused_1002"), Unauthorised),
    ],
    ids=repr,
)
async def test_a_look_that_saw_nothing_says_why(answer: httpx2.Response | Exception, kind: type[KlingError]) -> None:
    with pytest.raises(kind):
        await speaking(Recorded([answer])).look([BOUGHT])


@pytest.mark.anyio
@pytest.mark.parametrize("trouble", [httpx2.ReadError(""), replied("standard", "refused_5001")], ids=repr)
async def test_a_look_that_saw_a_part_returns_it(trouble: httpx2.Response | Exception) -> None:
    remotes = [Remote(str(n), PRODUCT, HOST) for n in range(21)]
    [seen] = await speaking(Recorded([enveloped([standard_task("3")]), trouble])).look(remotes)
    assert seen.remote == remotes[3]


@pytest.mark.anyio
async def test_a_task_is_found_by_our_own_id_or_is_not_there() -> None:
    ours = standard_task("7", external_id=EXTERNAL_ID)
    network = Recorded([enveloped([standard_task("8", external_id="x"), ours]), replied("standard", "nothing")])
    client = speaking(network)
    found = await client.find(EXTERNAL_ID, PRODUCT)
    assert found is not None
    assert found.remote == Remote("7", PRODUCT, HOST)
    assert await client.find(EXTERNAL_ID, PRODUCT) is None


@pytest.mark.anyio
async def test_a_pairs_task_that_is_not_there_is_nothing() -> None:
    assert await speaking(Recorded([replied("legacy", "refused_1201_absent")]), by_pair()).find("k", TEXT) is None


@pytest.mark.anyio
async def test_a_single_task_that_does_not_echo_our_id_is_ours_and_several_are_not() -> None:
    bare = [standard_task("7"), standard_task("8")]
    client = speaking(Recorded([enveloped(bare[:1]), enveloped(bare)]))
    found = await client.find(EXTERNAL_ID, PRODUCT)
    assert found is not None
    assert found.external_id == EXTERNAL_ID
    with pytest.raises(ProviderBroken):
        await client.find(EXTERNAL_ID, PRODUCT)


@pytest.mark.anyio
async def test_a_probe_tells_the_servers_time_and_whether_it_is_simulated() -> None:
    told = {"Date": formatdate(START - 3, usegmt=True), "X-Kling-Sandbox": "1"}
    result = await speaking(Recorded([replied("standard", "nothing", **told)])).probe()
    assert (result.server_time, result.simulated, result.latency) == (START - 3, True, 0.0)
    result = await speaking(Recorded([replied("standard", "nothing", Date="yesterday")])).probe()
    assert (result.server_time, result.simulated) == (None, False)


@pytest.mark.anyio
async def test_a_probe_with_a_pair_names_a_clock_that_is_off() -> None:
    told = {"Date": formatdate(START - 300, usegmt=True)}
    network = Recorded([enveloped(None, 1003, 401, **told), enveloped(None, 1003, 401, **told)])
    with pytest.raises(Unauthorised) as caught:
        await speaking(network, by_pair()).probe()
    assert "300 seconds fast" in caught.value.advice


@pytest.mark.anyio
async def test_a_refused_key_is_not_blamed_on_the_clock() -> None:
    told = {"Date": formatdate(START - 300, usegmt=True)}
    with pytest.raises(Unauthorised) as caught:
        await speaking(Recorded([replied("standard", "refused_1002", **told)])).probe()
    assert "seconds" not in caught.value.advice


@pytest.mark.anyio
async def test_a_probe_into_nothing_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        await speaking(Recorded([httpx2.ConnectError("no route")])).probe()


def test_the_product_of_an_order_is_known_without_sending() -> None:
    assert speaking(Recorded([])).product(an_order().plan) == PRODUCT


def test_no_secret_is_in_a_clients_repr() -> None:
    assert KEY not in repr(speaking(Recorded([])))
