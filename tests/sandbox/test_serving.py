"""On a real socket: connections that are really cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from kling_sandbox import API_KEY, Fault, SandboxConfig, serve

pytestmark = pytest.mark.anyio

CREATE = "/text-to-video/kling-3.0"


@asynccontextmanager
async def served(state: Path, *faults: Fault) -> AsyncIterator[httpx2.AsyncClient]:
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    config = SandboxConfig(state_dir=state, faults=faults)
    server = asyncio.create_task(serve(config, port=0, on_started=started.set_result))
    try:
        url = await asyncio.wait_for(started, 25)
        headers = {"authorization": f"Bearer {API_KEY}"}
        async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=5) as client:
            yield client
    finally:
        server.cancel()
        await asyncio.wait([server], timeout=5)
        assert server.cancelled()


async def test_it_serves_on_a_free_port_with_one_date_and_ends_when_cancelled(tmp_path):
    async with served(tmp_path) as client:
        reply = await client.post(CREATE, json={"prompt": "x"})
        assert reply.status_code == 200
        assert reply.headers["x-kling-sandbox"] == "simulated"
        assert len(reply.headers.get_list("date")) == 1
        url = str(client.base_url)
    with pytest.raises(httpx2.ConnectError):
        async with httpx2.AsyncClient() as client:
            await client.get(f"{url}/tasks")


async def test_a_reset_before_cuts_the_line_and_buys_nothing(tmp_path):
    async with served(tmp_path, Fault(on="create", reset="before")) as client:
        with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
            await client.post(CREATE, json={"prompt": "x"})
        assert (await client.get("/sandbox/tasks")).json() == []


async def test_a_reset_after_cuts_the_line_and_has_bought(tmp_path):
    async with served(tmp_path, Fault(on="create", reset="after")) as client:
        with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
            await client.post(CREATE, json={"prompt": "x", "options": {"external_task_id": "e"}})
        found = (await client.get("/tasks?external_task_ids=e")).json()["data"]
        assert len(found) == 1


async def test_a_reset_reaches_the_caller_as_a_tcp_reset(tmp_path):
    async with served(tmp_path, Fault(reset="before")) as client:
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(b"GET /tasks?task_ids=1 HTTP/1.1\r\nhost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 25)
        writer.close()


async def test_a_truncated_answer_is_shorter_than_it_promised(tmp_path):
    async with served(tmp_path, Fault(on="query", truncate=10)) as client:
        got: list[bytes] = []
        with pytest.raises(httpx2.RemoteProtocolError):
            await _read(client, "/tasks?task_ids=1", got)
        assert len(b"".join(got)) == 10
        assert (await client.get("/tasks?task_ids=1")).status_code == 200


async def _read(client: httpx2.AsyncClient, path: str, got: list[bytes]) -> None:
    async with client.stream("GET", path) as reply:
        assert int(reply.headers["content-length"]) > 10
        async for part in reply.aiter_raw():
            got.append(part)
