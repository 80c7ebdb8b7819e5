"""A task's states, slots, ids and memory (kling-official 2.6, 9.2, 12)."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sandbox.conftest import House

from kling_sandbox import Fault
from kling_sandbox.models import MODELS
from kling_sandbox.order import T2V, Order, Shot
from kling_sandbox.tasks import LIFETIME_MS, Media, Purchase, Task, at, begin

ORDER = {"submitted": 0, "processing": 1, "succeeded": 2, "failed": 2}


@given(
    makes_in=st.floats(0, 2000),
    speed=st.floats(0.1, 10_000),
    looks=st.lists(st.floats(0, 5000), max_size=20),
    failure=st.sampled_from(["", "no"]),
)
def test_a_state_never_goes_back_and_its_time_moves_with_it(makes_in, speed, looks, failure):
    bought = Purchase(model="m", units="1", settings={}, makes_in=makes_in)
    task = begin(bought, "/p", now=1000.0, speed=speed, failure=failure)
    seen = [at(task, 1000.0 + look) for look in sorted(looks)]
    for before, after in itertools.pairwise(seen):
        assert ORDER[before.status] <= ORDER[after.status]
        assert (before.status == after.status) == (before.updated_ms == after.updated_ms)


@given(text=st.text(max_size=50), elements=st.lists(st.text(max_size=5), max_size=3))
def test_a_task_and_its_order_survive_the_store_unchanged(text, elements):
    shot = Shot(index=1, seconds=5, text=text)
    order = Order(product=T2V, model="kling-3.0", prompt=text, elements=tuple(elements), shots=(shot,))
    film = Media(kind="video", name="video.mp4", seconds=5)
    task = begin(Purchase(model="m", units="3.0", settings=order.to_settings(), media=(film,)), "/p", now=1.0, speed=1)
    again = Task.from_json(task.to_json())
    assert again.bought.media == (film,)
    assert Order.from_settings(again.settings) == order


def test_times_are_near_the_seen_ones():
    def total(name: str, seconds: int) -> float:
        base, each = next(model.pace for model in MODELS if model.name == name)
        return base + each * seconds

    assert total("kling-3.0-turbo", 3) == 28
    assert total("kling-2.5-turbo", 5) == 50
    assert total("kling-3.0-omni", 5) == 83


@pytest.mark.anyio
async def test_submitted_then_processing_then_succeeded_at_the_given_speed(tmp_path, clock):
    house = House(tmp_path, clock, speed=10)
    made = await house.buy("/text-to-video/kling-2.5-turbo")
    assert (await house.task(made["id"]))["status"] == "submitted"
    clock.now += 0.5
    running = await house.task(made["id"])
    assert running["status"] == "processing"
    assert (running["outputs"], running["billing"]) == ([], [])
    assert running["update_time"] > running["create_time"]
    clock.now += 4.4
    assert (await house.task(made["id"]))["status"] == "processing"
    clock.now += 0.2
    assert (await house.task(made["id"]))["status"] == "succeeded"


@pytest.mark.anyio
async def test_a_failed_task_looks_like_success_but_for_its_status_and_costs_nothing(broken):
    house = broken(Fault(on="create", times=2, fail_task="Failure to pass the risk control system"))
    new = await house.buy()
    body = {"model_name": "kling-v3", "prompt": "x"}
    old = (await house.call("POST", "/v1/videos/text2video", json=body)).json()["data"]["task_id"]
    item = await house.finish(new["id"])
    assert (item["status"], item["message"]) == ("failed", "Failure to pass the risk control system")
    assert (item["outputs"], item["billing"]) == ([], [])
    reply = await house.call("GET", f"/v1/videos/text2video/{old}")
    assert (reply.status_code, reply.json()["code"]) == (200, 0)
    assert reply.json()["data"]["task_status"] == "failed"
    assert "risk control" in reply.json()["data"]["task_status_msg"]
    assert "final_unit_deduction" not in reply.json()["data"]


@pytest.mark.anyio
async def test_an_external_id_is_used_once_across_standards_products_and_time(house):
    await house.buy(options={"external_task_id": "same"})
    house.clock.now += 10_000
    for path, body in (
        ("/text-to-video/kling-2.6", {"prompt": "x", "options": {"external_task_id": "same"}}),
        ("/v1/videos/text2video", {"model_name": "kling-v3", "prompt": "x", "external_task_id": "same"}),
    ):
        reply = await house.call("POST", path, json=body)
        assert (reply.status_code, reply.json()["code"]) == (400, 1201)
        assert "already exists" in reply.json()["message"]
    assert len(await house.bought()) == 1


@pytest.mark.anyio
async def test_a_kling_that_does_not_refuse_a_repeated_id_sells_twice_and_shows_the_first(tmp_path, clock):
    house = House(tmp_path, clock, refuses_repeats=False)
    first, second = [await house.buy(options={"external_task_id": "same"}) for _ in range(2)]
    assert first["id"] != second["id"]
    shown = (await house.call("GET", "/tasks", params={"external_task_ids": "same"})).json()["data"]
    assert [task["id"] for task in shown] == [first["id"]]


@pytest.mark.anyio
async def test_a_film_may_stand_for_every_video(tmp_path, clock):
    (tmp_path / "film.mp4").write_bytes(b"as it is")
    house = House(tmp_path, clock, film=tmp_path / "film.mp4")
    done = await house.finish((await house.buy())["id"])
    (output,) = done["outputs"]
    assert (await house.bare.get(output["url"])).content == b"as it is"


@pytest.mark.anyio
async def test_an_external_id_is_used_once_even_when_two_sandboxes_race_for_it(tmp_path, clock):
    houses = [House(tmp_path, clock, concurrency=99) for _ in range(2)]
    body = {"prompt": "x", "options": {"external_task_id": "race"}}
    calls = [houses[i % 2].call("POST", "/text-to-video/kling-3.0", json=body) for i in range(8)]
    codes = [reply.json()["code"] for reply in await asyncio.gather(*calls)]
    assert sorted(codes) == [0] + [1201] * 7
    assert len(await houses[0].bought()) == 1


@pytest.mark.anyio
async def test_slots_are_counted_per_model_version_and_come_back_at_the_end(tmp_path, clock):
    house = House(tmp_path, clock, concurrency=2)
    await house.buy()
    # The legacy name is the same model version.
    await house.call("POST", "/v1/videos/text2video", json={"model_name": "kling-v3", "prompt": "x"})
    full = await house.call("POST", "/text-to-video/kling-3.0", json={"prompt": "x"})
    assert (full.status_code, full.json()["code"]) == (429, 1303)
    assert "data" not in full.json()
    assert len(await house.bought()) == 2
    await house.buy("/text-to-video/kling-3.0-turbo")
    clock.now += 1000
    await house.buy()


@pytest.mark.anyio
async def test_racing_callers_get_no_more_than_the_slots(tmp_path, clock):
    houses = [House(tmp_path, clock, concurrency=3) for _ in range(2)]
    calls = [houses[i % 2].call("POST", "/text-to-video/kling-3.0", json={"prompt": "x"}) for i in range(10)]
    codes = [reply.json()["code"] for reply in await asyncio.gather(*calls)]
    assert sorted(codes) == [0] * 3 + [1303] * 7


@pytest.mark.anyio
async def test_a_resend_hears_that_its_task_exists_even_when_all_slots_are_taken(tmp_path, clock):
    house = House(tmp_path, clock, concurrency=1)
    body = {"prompt": "x", "options": {"external_task_id": "again"}}
    assert (await house.call("POST", "/text-to-video/kling-3.0", json=body)).status_code == 200
    assert (await house.call("POST", "/text-to-video/kling-3.0", json=body)).json()["code"] == 1201


@pytest.mark.anyio
async def test_a_restart_keeps_tasks_and_their_addresses(tmp_path, clock):
    first = House(tmp_path, clock)
    made = await first.buy(options={"external_task_id": "kept"})
    before = await first.finish(made["id"])
    again = House(tmp_path, clock, speed=0.001)
    assert await again.task(made["id"]) == before


@pytest.mark.anyio
async def test_results_are_purged_after_thirty_days(house):
    made = await house.buy()
    item = await house.finish(made["id"])
    house.clock.now += LIFETIME_MS / 1000 + 1
    assert (await house.bare.get(item["outputs"][0]["url"])).status_code == 403
    purged = await house.task(made["id"])
    assert (purged["status"], purged["outputs"]) == ("succeeded", [])


@pytest.mark.anyio
async def test_a_purged_legacy_task_has_no_result_any_more(house):
    body = {"model_name": "kling-v3", "prompt": "x"}
    id = (await house.call("POST", "/v1/videos/text2video", json=body)).json()["data"]["task_id"]
    house.clock.now += LIFETIME_MS / 1000 + 1000
    purged = (await house.call("GET", f"/v1/videos/text2video/{id}")).json()["data"]
    assert purged["task_status"] == "succeed"
    assert "task_result" not in purged
