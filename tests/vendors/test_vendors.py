"""What every fake does alike: it sells each create anew, keeps its books, breaks as planned and speaks the samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.vendors.floor import Time
from tests.vendors.serving import VENDORS, Fake, seated, serving
from tests.vendors.talks import TALKS, calling, create, poll

SAMPLES = Path(__file__).parents[1] / "providers" / "samples"
START = 1_795_000_000.0
pytestmark = pytest.mark.anyio
each = pytest.mark.parametrize("fake", VENDORS)


def shape(value: Any) -> Any:
    """Return a value's shape: keys and types; lists by their first item, and null as anything."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def sample(fake: Fake, name: str) -> tuple[int, Any]:
    """Return status and body of a sample."""
    kept = json.loads((SAMPLES / fake / f"{name}.json").read_text("utf-8"))
    return kept["http"], kept["body"]


def same(fake: Fake, name: str, answer: httpx2.Response) -> None:
    """Check that an answer has the status and the shape of a sample."""
    status, body = sample(fake, name)
    assert (answer.status_code, shape(answer.json())) == (status, shape(body))


@each
async def test_a_task_speaks_the_samples_from_create_to_result(fake: Fake) -> None:
    clock = Time(START)
    async with seated(fake, clock=clock, tick=0) as vendor, calling(fake, vendor) as client:
        created = await client.post(TALKS[fake].path, json=TALKS[fake].body)
        same(fake, "submitted", created)
        task = TALKS[fake].id_of(created.json())
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
        assert len(ids) == len(vendor.creates) == len(vendor.bills) == 2


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
async def test_faults_cut_before_and_after_and_answer_rubbish(fake: Fake) -> None:
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


@each
async def test_a_result_dies_with_its_time(fake: Fake) -> None:
    async with seated(fake) as vendor, calling(fake, vendor) as client:
        vendor.finish(await create(fake, client))
        url = vendor.result_url(vendor.tasks[0])
        assert (await client.get(url)).status_code == 200
        vendor.clock.advance(vendor.lifetime + 1)
        assert (await client.get(url)).status_code == 404


@each
async def test_an_empty_account_buys_nothing(fake: Fake) -> None:
    async with seated(fake, balance=0.0) as vendor, calling(fake, vendor) as client:
        told = await client.post(TALKS[fake].path, json=TALKS[fake].body)
        assert told.status_code in (402, 403) or told.json()["code"] == 402
        assert vendor.creates == []
