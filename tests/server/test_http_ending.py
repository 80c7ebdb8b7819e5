"""How an HTTP server ends, cleanly with whatever is open, and what it does not begin with: a port without a door."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import anyio
import httpx2
import pytest
from mcp.client.subscriptions import SubscriptionLost
from mcp.types import CallToolResult
from tests.server.acting import Era, both_eras, text_of
from tests.server.messages import hello
from tests.server.serving import ANN, PATIENCE, a_server

from kling_mcp.cli import main
from kling_mcp.web.serving import for_callers, refusal
from kling_tools.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(os.name == "nt", reason="signals are a POSIX matter")]

OUTSIDE = {
    "nothing": ({}, "KLING_HTTP_TOKEN"),
    "a token that a host did not expand": ({"KLING_HTTP_TOKEN": "${TOKEN}"}, "KLING_HTTP_TOKEN is missing"),
    "a name whose token is not set": ({"KLING_HTTP_TOKEN": "ann:,bob:secret"}, "name:token"),
    "no token at all": ({"KLING_HTTP_TOKEN": ","}, "name:token"),
    "one name twice": ({"KLING_HTTP_TOKEN": "a:one,a:two"}, "each name once"),
    "an issuer without a resource": ({"KLING_OAUTH_ISSUER": "https://login.example"}, "KLING_OAUTH_RESOURCE"),
    "a resource in the clear": (
        {"KLING_OAUTH_ISSUER": "https://login.example", "KLING_OAUTH_RESOURCE": "http://kling.example"},
        "https address",
    ),
}


@pytest.mark.parametrize(("env", "words"), OUTSIDE.values(), ids=OUTSIDE)
def test_nobody_listens_outside_before_it_is_settled_who_may_come_in(env: dict[str, str], words: str) -> None:
    assert words in refusal(Settings.from_env(env), "0.0.0.0")


def test_what_lets_somebody_in_lets_the_server_start() -> None:
    assert refusal(Settings.from_env({}), "127.0.0.1") == refusal(Settings.from_env({}), "::1") == ""
    assert refusal(Settings.from_env({"KLING_HTTP_TOKEN": ANN}), "0.0.0.0") == ""
    oauth = {"KLING_OAUTH_ISSUER": "https://login.example", "KLING_OAUTH_RESOURCE": "https://kling.example/mcp"}
    assert refusal(Settings.from_env(oauth), "0.0.0.0") == ""
    assert "KLING_HTTP_TOKEN" in refusal(Settings.from_env({"KLING_HTTP_TOKEN": "${TOKEN}"}), "127.0.0.1")


@pytest.mark.parametrize(
    "env", [{"KLING_CALLBACK_URL": "https://kling.example"}, {"KLING_HTTP_HOSTS": "localhost,kling.example"}], ids=str
)
def test_a_public_name_needs_a_door_also_behind_a_proxy_on_this_machine(env: dict[str, str]) -> None:
    assert "kling.example can be reached" in refusal(Settings.from_env(env), "127.0.0.1")
    assert refusal(Settings.from_env({**env, "KLING_HTTP_TOKEN": ANN}), "127.0.0.1") == ""


def test_names_of_this_machine_need_no_token() -> None:
    env = {"KLING_CALLBACK_URL": "http://127.0.0.1:8765", "KLING_HTTP_HOSTS": "localhost:8765,[::1]:8765"}
    assert refusal(Settings.from_env(env), "127.0.0.1") == ""
    assert "[::1 can be reached" in refusal(Settings.from_env({"KLING_HTTP_HOSTS": "[::1"}), "127.0.0.1")


def test_the_command_says_what_to_set_and_does_not_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--http", "--host", "0.0.0.0"]) == 2
    assert "set KLING_HTTP_TOKEN" in capsys.readouterr().err


def test_callers_elsewhere_read_no_folder_that_was_not_named(tmp_path: Path) -> None:
    env = {"KLING_OUTPUT_DIR": str(tmp_path)}
    named = {**env, "KLING_HTTP_TOKEN": "ann:secret,bob:other"}
    assert for_callers(Settings.from_env(env)).input_roots == (tmp_path,)
    assert for_callers(Settings.from_env(named)).input_roots == ()
    assert for_callers(Settings.from_env({**named, "KLING_INPUT_ROOTS": "/media"})).input_roots == (Path("/media"),)


@both_eras
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
async def test_a_signal_answers_who_waits_and_ends_cleanly_with_streams_open(
    number: int, era: Era, tmp_path: Path
) -> None:
    answers: list[CallToolResult] = []
    with a_server(tmp_path, command=number == signal.SIGTERM, KLING_SANDBOX_SPEED="0.1") as server:
        async with server.session("", era) as client:
            made = await client.call_tool("create_video", {"prompt": "a fox"})
            task = made.structured_content["task_id"]

            waits, listens = anyio.Event(), anyio.Event()

            async def listen() -> None:
                if era == "legacy":  # its client opened one when it had shaken hands
                    listens.set()
                    return
                async with client.listen(resources_list_changed=True) as stream:
                    listens.set()
                    with pytest.raises(SubscriptionLost):
                        _ = [event async for event in stream]

            async def heard(done: float, total: float | None, words: str | None) -> None:
                waits.set()

            async def wait() -> None:
                asked = {"task_id": task, "wait_seconds": 50}
                answers.append(await client.call_tool("check_status", asked, progress_callback=heard))

            with anyio.fail_after(PATIENCE):
                async with anyio.create_task_group() as tasks:
                    for work in (listen, wait):
                        tasks.start_soon(work)
                    await listens.wait()
                    await waits.wait()
                    began = time.monotonic()
                    server.process.send_signal(number)
                    # Off the loop: the answer has to come meanwhile.
                    assert await anyio.to_thread.run_sync(server.process.wait, PATIENCE) == 0
        assert time.monotonic() - began < 15
        assert task in text_of(answers[0])
        assert "Traceback" not in server.errors
        async with httpx2.AsyncClient() as late:
            with pytest.raises(httpx2.ConnectError):
                await late.post(f"{server.url}/mcp", json=hello(era))
