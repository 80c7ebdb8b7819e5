"""What every fake does alike: it sells each create anew, keeps its books, breaks as planned and speaks the samples."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from tests.vendors.floor import Time
from tests.vendors.samples import same
from tests.vendors.serving import VENDORS, Fake, seated, serving
from tests.vendors.talks import TALKS, calling, create, poll

START = 1_795_000_000.0
pytestmark = pytest.mark.anyio
each = pytest.mark.parametrize("fake", VENDORS)


@each
async def test_a_task_speaks_the_samples_from_create_to_result(fake: Fake) -> None:
    clock = Time(START)
    async with seated(fake, clock=clock, tick=0) as vendor, calling(fake, vendor) as client:
        created = await client.post(TALKS[fake].path, json=TALKS[fake].body)
        same(fake, "submitted", created)
        task = TALKS[fake].id_of(created.json())
        same(fake, "queued", await poll(fake, client, task), kept=False)
        clock.advance(1.5)
        same(fake, "running", await poll(fake, client, task))
        vendor.finish(task)
        same(fake, "succeeded", await poll(fake, client, task))
        told = await client.get(vendor.result_url(vendor.tasks[0]))
        assert told.content[4:8] == b"ftyp"
        doomed = await create(fake, client)
        vendor.fail(doomed)
        same(fake, "failed", await poll(fake, client, doomed))


@each
async def test_refusals_speak_the_samples_and_buy_nothing(fake: Fake) -> None:
    async with seated(fake) as vendor, calling(fake, vendor) as client, calling(fake, vendor, "another") as stranger:
        empty: dict[str, Any] = {}
        same(fake, "refused", await client.post(TALKS[fake].path, json=without_prompt(TALKS[fake].body)))
        vendor.fault("429")
        same(fake, "throttled", await client.post(TALKS[fake].path, json=TALKS[fake].body))
        denied = await stranger.post(TALKS[fake].path, json=TALKS[fake].body)
        assert denied.status_code == 401 or denied.json().get("code") == 401
        assert (await client.post(TALKS[fake].path, json=empty)).json() != empty
        assert vendor.creates == []


def without_prompt(body: dict[str, Any]) -> dict[str, Any]:
    """Return a create without what every sheet wants."""
    return {k: without_prompt(v) if isinstance(v, dict) else v for k, v in body.items() if k != "prompt"}


@each
async def test_a_field_that_no_sheet_knows_is_refused(fake: Fake) -> None:
    body = TALKS[fake].body
    odd = {**body, "input": {**body["input"], "colour": 1}} if "input" in body else {**body, "colour": 1}
    async with seated(fake) as vendor, calling(fake, vendor) as client:
        told = await client.post(TALKS[fake].path, json=odd)
        assert "colour" in told.text
        assert vendor.creates == []


@each
async def test_a_repeated_create_is_sold_again(fake: Fake) -> None:
    async with seated(fake) as vendor, calling(fake, vendor) as client:
        ids = {await create(fake, client) for _ in range(2)}
        assert len(ids) == len(vendor.creates) == len(vendor.bills) == vendor.peak == 2


@each
async def test_polling_brings_a_task_on_without_waiting(fake: Fake) -> None:
    async with seated(fake) as vendor, calling(fake, vendor) as client:
        task = await create(fake, client)
        words = [TALKS[fake].word((await poll(fake, client, task)).json()) for _ in range(3)]
        assert len(set(map(str, words))) == 2
        assert vendor.count("poll") == 3


@each
async def test_what_fails_upstream_is_not_billed(fake: Fake) -> None:
    async with seated(fake) as vendor, calling(fake, vendor) as client:
        vendor.fault("fail", words="the scene was too dark")
        task = await create(fake, client)
        assert len(vendor.bills) == 1
        for _ in range(3):
            told = await poll(fake, client, task)
        assert "too dark" in told.text
        assert vendor.bills == []


@each
async def test_faults_cut_before_and_after_answer_rubbish_or_never(fake: Fake) -> None:
    talk = TALKS[fake]
    async with serving(fake) as vendor, calling(fake, vendor) as client:
        vendor.fault("reset")
        vendor.fault("cut", nth=2)
        vendor.fault("garbage", nth=3)
        vendor.fault("500", nth=4, applied=True)
        for accepted in (0, 1):
            with pytest.raises(httpx2.TransportError):
                await client.post(talk.path, json=talk.body)
            assert len(vendor.creates) == accepted
        assert "<html>" in (await client.post(talk.path, json=talk.body)).text
        await client.post(talk.path, json=talk.body)
        assert len(vendor.creates) == 3
        vendor.heal()
        vendor.fault("hang")
        with pytest.raises(httpx2.ReadTimeout):
            await client.post(talk.path, json=talk.body, timeout=0.2)
        assert len(vendor.creates) == 4


@each
async def test_a_result_dies_with_its_time(fake: Fake) -> None:
    async with seated(fake) as vendor, calling(fake, vendor) as client:
        vendor.finish(await create(fake, client))
        url = vendor.result_url(vendor.tasks[0])
        assert (await client.get(url)).status_code == 200
        vendor.clock.advance(vendor.lifetime + 1)
        assert (await client.get(url)).status_code == 404


@pytest.mark.parametrize("fake", [fake for fake in VENDORS if fake not in (Fake.AIML, Fake.KLING3API)])
async def test_a_webhook_arrives_at_the_address_that_was_asked_for(fake: Fake) -> None:
    heard: list[bytes] = []

    async def ear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(line for line in head.lower().splitlines() if line.startswith(b"content-length"))
        heard.append(await reader.readexactly(int(size.partition(b":")[2])))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    async with seated(fake) as vendor, calling(fake, vendor) as client:
        listener = await asyncio.start_server(ear, "127.0.0.1", 0)
        async with listener:
            task = await create(fake, client)
            vendor.finish(task)
            hook = vendor.webhook(task, url=f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/hook")
            assert await hook.send() == 204
        assert heard == [hook.body]


@pytest.mark.parametrize("fake", [fake for fake in VENDORS if fake not in (Fake.PIAPI, Fake.KIE, Fake.KLING3API)])
async def test_what_a_vendor_never_does_cannot_be_planned(fake: Fake) -> None:
    async with seated(fake) as vendor:
        with pytest.raises(NotImplementedError):
            vendor.fault("hidden")


@each
async def test_an_empty_account_buys_nothing(fake: Fake) -> None:
    async with seated(fake, balance=0.0) as vendor, calling(fake, vendor) as client:
        told = await client.post(TALKS[fake].path, json=TALKS[fake].body)
        assert told.status_code in (402, 403) or told.json()["code"] == 402
        same(fake, "unpaid", told, kept=False)
        assert vendor.creates == []
