"""The commands that people run, as they run them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import pytest
from PIL import Image
from tests.forks import ROOT
from tests.scenarios.host import Host, ran
from tests.scenarios.simulated import simulating

from kling_mcp.demo import Halted, environment
from kling_sandbox import find_ffmpeg
from kling_tools.clock import SystemClock
from kling_tools.connect import open_accounts
from kling_tools.settings import Settings

pytestmark = pytest.mark.anyio


async def probe(path: Path) -> str:
    """Return what ffmpeg says of a file."""
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    words = (find_ffmpeg(), "-hide_banner", "-i", str(path))
    process = await asyncio.create_subprocess_exec(*words, stderr=pipe, stdout=nowhere)
    _, said = await asyncio.wait_for(process.communicate(), 150)
    return said.decode()


async def middle_frame(path: Path, to: Path) -> Image.Image:
    """Return a frame of the middle of a five-second video."""
    process = await asyncio.create_subprocess_exec(
        find_ffmpeg(), "-loglevel", "error", "-y", "-ss", "2.5", "-i", str(path), "-frames:v", "1", str(to)
    )
    assert await asyncio.wait_for(process.wait(), 150) == 0
    return Image.open(to).convert("RGB")


def homes(tmp_path: Path) -> dict[str, str]:
    where = {"KLING_DATA_DIR": str(tmp_path / "data"), "KLING_OUTPUT_DIR": str(tmp_path / "out")}
    return {**where, "KLING_SANDBOX_SPEED": "60"}


async def test_the_demo_ends_with_a_real_video_and_a_contact_sheet_and_is_listed(tmp_path: Path) -> None:
    status, said = await ran("demo", "a paper boat in the rain", env=homes(tmp_path), cwd=tmp_path, command=True)
    assert status == 0, said
    (video,) = (tmp_path / "out").glob("*.mp4")
    facts = await probe(video)
    assert "Video: h264" in facts
    assert "1280x720" in facts
    assert re.search(r"Duration: 00:00:0(5\.0|4\.9)", facts), facts
    with Image.open(video.with_suffix(".sheet.jpg")) as sheet:
        assert sheet.width <= 1024
    assert video.with_suffix(".sheet.jpg").stat().st_size <= 110_000
    assert str(video) in said
    assert "SIMULATED" in said
    status, listed = await ran("tasks", env=homes(tmp_path), cwd=tmp_path, command=True)
    assert status == 0
    assert "a paper boat in the rain" in listed
    assert "succeeded" in listed


@pytest.mark.long
async def test_the_demo_shows_the_given_picture_in_its_video(tmp_path: Path) -> None:
    picture = tmp_path / "red.jpg"
    Image.new("RGB", (800, 600), (200, 20, 30)).save(picture)
    status, said = await ran("demo", "--image", str(picture), env=homes(tmp_path), cwd=tmp_path)
    assert status == 0, said
    (video,) = (tmp_path / "out").glob("*.mp4")
    frame = await middle_frame(video, tmp_path / "frame.png")
    red, green, blue = frame.getpixel((frame.width // 2, frame.height // 3))  # type: ignore[misc]
    assert red > 150
    assert max(green, blue) < 80
    assert abs(frame.width / frame.height - 4 / 3) < 0.02


@pytest.mark.long
async def test_the_demo_runs_against_a_simulated_kling_on_a_port(tmp_path: Path) -> None:
    async with simulating(tmp_path, draws=True) as kling:
        status, said = await ran("demo", "a fox", env=kling.env_with_pair(), cwd=tmp_path)
        assert status == 0, said
        assert len(await kling.tasks()) == 1


async def test_the_demo_against_a_port_names_a_wrong_secret(tmp_path: Path) -> None:
    async with simulating(tmp_path, draws=True) as kling:
        status, said = await ran("demo", "a fox", env=kling.env_with_pair("wrong"), cwd=tmp_path)
    assert status == 1
    assert "secret" in said.lower()
    assert "Traceback" not in said


@pytest.mark.parametrize("base_url", ["", "https://api-singapore.klingai.com"])
async def test_the_demo_never_uses_real_credentials(tmp_path: Path, base_url: str) -> None:
    given = {**homes(tmp_path), "KLING_API_KEY": "a-real-key", "KLING_PROVIDER": "kling", "KLING_BASE_URL": base_url}
    opened = open_accounts(Settings.from_env(environment(given, None)), SystemClock())
    try:
        assert [account.name for account in opened.accounts] == ["sandbox"]
    finally:
        await opened.close()


async def test_the_demo_goes_to_no_loopback_address_that_is_not_simulated(tmp_path: Path) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        env = {"KLING_BASE_URL": f"http://127.0.0.1:{port}", "KLING_API_KEY": "a-real-key"}
        with pytest.raises(Halted, match="no simulated Kling"):
            await asyncio.to_thread(environment, env, None)


async def test_the_doctor_finds_nothing_wrong_without_keys_and_names_a_wrong_secret(tmp_path: Path) -> None:
    status, said = await ran("doctor", env=homes(tmp_path), cwd=tmp_path)
    assert status == 0, said
    async with simulating(tmp_path, draws=True) as kling:
        status, said = await ran("doctor", env=kling.env_with_pair("wrong"), cwd=tmp_path)
    assert status == 1
    assert "FAIL  provider" in said
    assert "secret" in said.lower()


async def test_the_doctor_names_a_data_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file in the way")
    status, said = await ran("doctor", env=homes(tmp_path), cwd=tmp_path)
    assert status == 1
    assert "FAIL  data directory" in said


async def test_the_shipped_client_entry_starts_a_server_that_offers_the_tools(tmp_path: Path) -> None:
    entry = json.loads((ROOT / "mcp.json").read_text("utf-8"))["mcpServers"]["kling"]
    bin_dir = tmp_path / ".venv" / "bin"
    bin_dir.mkdir(parents=True)
    # What an installation puts there, for whichever environment runs this test.
    start = f"#!{sys.executable}\nimport sys\nfrom kling_mcp.cli import main\nsys.exit(main())\n"
    (bin_dir / "kling-mcp").write_text(start)
    (bin_dir / "kling-mcp").chmod(0o755)
    paths = os.pathsep.join(str(ROOT / part) for part in ("server", "tools"))
    env = {name: re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", value) for name, value in entry["env"].items()}
    process = await asyncio.create_subprocess_exec(
        str(tmp_path / entry["command"]),
        *entry["args"],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": paths, **homes(tmp_path), **env},
        cwd=tmp_path,
    )
    host = Host(process, "auto")
    await host.greet()
    tools = await host.ask("tools/list", {})
    quote = await host.facts("estimate_cost", tool="create_video", arguments={"prompt": "a fox"})
    assert await host.close() == 0
    assert {"create_video", "check_status"} <= {tool["name"] for tool in tools["tools"]}
    assert quote["quotes"][0]["simulated"] is True
