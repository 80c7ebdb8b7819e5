"""Callbacks over a real socket (kling-official 8)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.sandbox.conftest import Clock, House

from kling_sandbox.callbacks import signature

pytestmark = pytest.mark.anyio

#: The one of the published example, which is no secret (kling-official 8.2), and another.
SECRET = "whsec_" + base64.b64encode(b"testsecrettestsecrettestsecret12").decode()
OTHER = "whsec_" + base64.b64encode(b"othersecretothersecretothersecre").decode()


@dataclass
class Ear:
    """Somebody who listens on loopback and keeps what comes."""

    status: int = 200
    url: str = ""
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        self.heard.append((headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(f"HTTP/1.1 {self.status} x\r\ncontent-length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async def bodies(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(30):
            while len(self.heard) < count:
                await asyncio.sleep(0.01)
        return [json.loads(raw) for _, raw in self.heard]


@asynccontextmanager
async def listening(status: int = 200) -> AsyncIterator[Ear]:
    ear = Ear(status)
    server = await asyncio.start_server(ear.hear, "127.0.0.1", 0)
    ear.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?secret=1"
    async with server:
        yield ear


async def told(house: House, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(30):
        while len(found := (await house.bare.get("/sandbox/callbacks")).json()) < count:
            await asyncio.sleep(0.01)
    return found


async def test_each_change_of_a_new_task_is_told_as_an_item_of_the_query(house):
    async with listening() as ear:
        made = await house.buy(options={"callback_url": ear.url, "external_task_id": "mine"})
        assert (await ear.bodies(1))[0]["status"] == "submitted"
        house.clock.now += 4
        assert (await ear.bodies(2))[1]["status"] == "processing"
        house.clock.now += 1000
        last = (await ear.bodies(3))[2]
        assert last == await house.task(made["id"])
        assert [line["outcome"] for line in await told(house, 3)] == ["answered 200"] * 3
        assert "webhook-signature" not in ear.heard[0][0]


async def test_a_legacy_task_is_told_in_its_own_shape_without_an_envelope(house):
    async with listening() as ear:
        body = {"model_name": "kling-v3", "prompt": "x", "callback_url": ear.url}
        made = (await house.call("POST", "/v1/videos/text2video", json=body)).json()["data"]
        await ear.bodies(1)
        house.clock.now += 1000
        last = (await ear.bodies(2))[1]
        assert (last["task_id"], last["task_status"]) == (made["task_id"], "succeed")
        assert last["task_result"]["videos"][0]["duration"] == "5"
        assert last["final_unit_deduction"] == "3.0"
        assert "code" not in last


async def test_each_secret_in_force_signs_the_raw_body(tmp_path: Path, clock: Clock):
    house = House(tmp_path, clock, webhook_secrets=(SECRET, OTHER))
    async with listening() as ear:
        await house.buy(options={"callback_url": ear.url})
        await ear.bodies(1)
        headers, raw = ear.heard[0]
        assert headers["webhook-timestamp"] == str(int(clock.now))
        wanted = [
            signature(secret, headers["webhook-id"], headers["webhook-timestamp"], raw) for secret in (SECRET, OTHER)
        ]
        assert headers["webhook-signature"].split(" ") == wanted


def test_the_signature_is_the_documented_one():
    raw = (
        b'{"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,"update_time":1781080794151}'
    )
    assert signature(SECRET, "9876543210", "1781080794", raw) == "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4="


async def test_a_callback_that_is_not_taken_is_tried_three_times(house):
    async with listening(status=500) as ear:
        await house.buy(options={"callback_url": ear.url})
        assert (await told(house, 1))[0]["outcome"] == "answered 500"
        assert len(ear.heard) == 3


@pytest.mark.parametrize(
    "url",
    ["https://example.com/hook", "http://10.0.0.1/", "ftp://127.0.0.1/", "http://[", "http://127.0.0.1/a\r\nx: y"],
)
async def test_only_this_machine_is_called(house, url):
    await house.buy(options={"callback_url": url})
    (line,) = await told(house, 1)
    assert line["outcome"].startswith("not sent")
