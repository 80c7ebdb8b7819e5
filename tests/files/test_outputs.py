"""A result is on disk whole or not at all, and what was fetched is never fetched again."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.files.conftest import Answer, FileServer, picture_bytes

from kling_tools.files.outputs import Outputs, check_writable
from kling_tools.model.errors import MediaFailed, StorageUnavailable, Unreachable

NAME = "2026-11-22 boat (k7f3abcdefgh0).mp4"
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")


class Ticking:
    """A clock that stands still but when somebody waits; then everybody else gets a turn."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        await asyncio.to_thread(int)


@pytest.fixture(scope="session")
def film(clips: dict[str, Path]) -> bytes:
    """A whole MP4 of some 300 kB: padding is part of the format."""
    pad = 300_000
    return clips["wide"].read_bytes() + pad.to_bytes(4, "big") + b"free" + os.urandom(pad - 8)


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    return Outputs(tmp_path / "out", Ticking())


def names(outputs: Outputs) -> list[str]:
    return sorted(path.name for path in outputs.directory.iterdir())


@pytest.mark.anyio
async def test_a_result_is_saved_whole_and_leaves_nothing_beside_it(outputs: Outputs, film: bytes) -> None:
    saved = await outputs.save(NAME, FileServer(film).fetch)
    assert saved.path.read_bytes() == film
    assert (saved.size, saved.sha256) == (len(film), hashlib.sha256(film).hexdigest())
    assert names(outputs) == [NAME]


@pytest.mark.anyio
async def test_a_result_that_is_here_is_not_fetched_again(outputs: Outputs, film: bytes) -> None:
    first = await outputs.save(NAME, FileServer(film).fetch)
    server = FileServer(film)
    assert await outputs.save(NAME, server.fetch) == first
    assert server.asked == []


@pytest.mark.anyio
async def test_a_download_goes_on_where_the_wire_broke(outputs: Outputs, film: bytes) -> None:
    server = FileServer(film, breaks=[1, 7_000, 0, 50_001, 100_000])
    for _ in range(5):
        with pytest.raises(ConnectionResetError):
            await outputs.save(NAME, server.fetch)
        assert not (outputs.directory / NAME).exists()
    saved = await outputs.save(NAME, server.fetch)
    assert saved.path.read_bytes() == film
    assert sum(server.sent) == len(film)
    assert [offset for offset, _ in server.asked] == [0, 1, 7_001, 7_001, 57_002, 157_002]
    assert server.asked[1][1] == '"v1"'


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(breaks=st.lists(st.integers(0, 200_000), max_size=5), strong=st.booleans(), announce=st.booleans())
def test_wherever_it_breaks_the_file_is_the_same(
    tmp_path: Path, film: bytes, breaks: list[int], strong: bool, announce: bool
) -> None:
    outputs = Outputs(tmp_path / "law", Ticking())
    shutil.rmtree(outputs.directory, ignore_errors=True)
    server = FileServer(film, '"v1"' if strong else 'W/"v1"', list(breaks), announce)

    async def until_saved() -> None:
        for _ in range(len(breaks) + 1):
            try:
                await outputs.save(NAME, server.fetch)
                return
            except ConnectionResetError:
                continue

    asyncio.run(until_saved())
    assert (outputs.directory / NAME).read_bytes() == film
    assert names(outputs) == [NAME]


@pytest.mark.anyio
async def test_another_file_at_the_same_address_starts_over(outputs: Outputs, film: bytes) -> None:
    old = FileServer(bytes(reversed(film)), breaks=[90_000])
    with pytest.raises(ConnectionResetError):
        await outputs.save(NAME, old.fetch)
    new = FileServer(film, etag='"v2"')
    assert (await outputs.save(NAME, new.fetch)).path.read_bytes() == film
    assert new.asked == [(90_000, '"v1"')]


@pytest.mark.anyio
async def test_a_part_beyond_the_end_starts_over(outputs: Outputs, film: bytes) -> None:
    with pytest.raises(ConnectionResetError):
        await outputs.save(NAME, FileServer(film + bytes(99), breaks=[len(film) + 50]).fetch)
    server = FileServer(film)
    assert (await outputs.save(NAME, server.fetch)).path.read_bytes() == film
    assert [offset for offset, _ in server.asked] == [len(film) + 50, 0]


@pytest.mark.anyio
async def test_a_part_that_lacks_only_its_name_is_not_fetched_again(outputs: Outputs, film: bytes) -> None:
    with pytest.raises(ConnectionResetError):
        await outputs.save(NAME, FileServer(film, breaks=[9]).fetch)
    (outputs.directory / f"{NAME}.part").write_bytes(film)
    server = FileServer(film)
    assert (await outputs.save(NAME, server.fetch)).path.read_bytes() == film
    assert server.asked == []


@pytest.mark.anyio
async def test_a_body_that_ends_early_is_never_shown(outputs: Outputs, film: bytes) -> None:
    async def save(answer: Answer) -> None:
        await outputs.save(NAME, lambda *_: _Given(answer))

    with pytest.raises(Unreachable, match="ended after") as caught:
        await save(Answer(200, len(film), '"v1"', film[:-5]))
    assert caught.value.retryable
    with pytest.raises(MediaFailed, match="cut off"):
        await save(Answer(200, len(film) - 5, '"v2"', film[:-5]))
    with pytest.raises(MediaFailed, match="no MP4"):
        await save(Answer(200, None, "", b"<html>Sorry</html>" * 99))
    with pytest.raises(MediaFailed, match="More bytes"):
        await save(Answer(200, 10, "", film))
    with pytest.raises(Unreachable, match="503"):
        await save(Answer(503, None, ""))
    assert names(outputs) == []


@pytest.mark.anyio
async def test_pictures_and_sounds_are_saved_whole_or_not_at_all(outputs: Outputs, sounds: dict[str, Path]) -> None:
    good = {f"a.{name}": sounds[name].read_bytes() for name in ("mp3", "wav", "m4a", "aac")}
    good |= {f"b.{kind}": picture_bytes(60, 40, kind.upper()) for kind in ("png", "jpeg", "webp")}
    good["b.jpg"] = good["b.webp"]  # what it is counts, not what it is called
    for name, body in good.items():
        assert (await outputs.save(name, FileServer(body).fetch)).size == len(body)
    assert names(outputs) == sorted(good)
    for name, body in good.items():
        with pytest.raises(MediaFailed):
            await outputs.save(f"cut-{name}", FileServer(body[:-150]).fetch)
        with pytest.raises(MediaFailed):
            await outputs.save(f"page-{name}", FileServer(b"<html>Sorry</html>" * 99).fetch)
    assert names(outputs) == sorted(good)


class _Given:
    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    async def __aenter__(self) -> Answer:
        return self.answer

    async def __aexit__(self, *_: object) -> None:
        return None


@pytest.mark.anyio
async def test_a_file_larger_than_the_cap_is_refused(outputs: Outputs, film: bytes) -> None:
    for announce in (True, False):
        with pytest.raises(MediaFailed):
            await outputs.save(NAME, FileServer(film, announce=announce).fetch, max_bytes=100_000)
    assert names(outputs) == []


@pytest.mark.anyio
async def test_more_than_is_free_is_refused_with_numbers(outputs: Outputs) -> None:
    free = shutil.disk_usage(outputs.directory.parent).free
    endless = _Given(Answer(200, free * 2, '"v1"'))
    with pytest.raises(StorageUnavailable, match=r"MB free; .* MB are needed"):
        await outputs.save(NAME, lambda *_: endless, max_bytes=free * 3)


@pytest.mark.anyio
async def test_a_cancelled_download_goes_on_later(outputs: Outputs, film: bytes) -> None:
    server = FileServer(film)
    running = asyncio.ensure_future(outputs.save(NAME, server.fetch))
    while not server.sent:
        await asyncio.to_thread(int)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await outputs.save(NAME, server.fetch)).path.read_bytes() == film
    assert names(outputs) == [NAME]


@pytest.mark.anyio
async def test_savers_of_one_name_take_turns_and_fetch_once(outputs: Outputs, film: bytes) -> None:
    server = FileServer(film)
    saved = await asyncio.gather(*(outputs.save(NAME, server.fetch) for _ in range(4)))
    assert len(set(saved)) == 1
    assert sum(server.sent) == len(film)
    assert names(outputs) == [NAME]


CHILD = """
import asyncio, resource, sys
from pathlib import Path
from kling_tools.files.outputs import Outputs
from kling_tools.model.errors import KlingError
from tests.files.conftest import FileServer
folder, source, limit = sys.argv[1:]
if int(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
server = FileServer(Path(source).read_bytes())
try:
    asyncio.run(Outputs(Path(folder)).save("a.mp4", server.fetch))
    print("saved")
except KlingError as error:
    print(error.code, error.message)
"""


def child(outputs: Outputs, source: Path, limit: int = 0, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, os.getcwd()])}
    command = [*before, sys.executable, "-c", CHILD, str(outputs.directory), str(source), str(limit)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


@posix
def test_processes_that_save_one_name_all_end_with_one_whole_file(
    outputs: Outputs, film: bytes, tmp_path: Path
) -> None:
    (tmp_path / "film").write_bytes(film)
    children = [child(outputs, tmp_path / "film") for _ in range(3)]
    assert [process.communicate(timeout=100)[0].strip() for process in children] == ["saved"] * 3
    assert (outputs.directory / "a.mp4").read_bytes() == film
    assert names(outputs) == ["a.mp4"]


@posix
@pytest.mark.anyio
async def test_a_disk_that_fills_keeps_the_part_for_later(outputs: Outputs, film: bytes, tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(film)
    said = child(outputs, tmp_path / "film", limit=120_000).communicate(timeout=100)[0]
    assert said.startswith("storage_unavailable")
    assert "is full" in said
    assert (outputs.directory / "a.mp4.part").stat().st_size == 120_000
    server = FileServer(film)
    assert (await outputs.save("a.mp4", server.fetch)).path.read_bytes() == film
    assert server.asked == [(120_000, '"v1"')]


@pytest.mark.skipif(
    not (ROOT and sys.platform == "linux" and shutil.which("unshare")), reason="needs a mount of its own"
)
def test_a_really_full_disk_is_named(outputs: Outputs, film: bytes, tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(film)
    outputs.directory.mkdir()
    script = f'mount -t tmpfs -o size=17m tmpfs "{outputs.directory}" && exec "$@"'
    small = child(outputs, tmp_path / "film", before=("unshare", "-m", "sh", "-c", script, "sh"))
    said = small.communicate(timeout=100)[0]
    if small.returncode:
        pytest.skip("no mount here")
    assert said == "saved\n"
    (tmp_path / "big").write_bytes(film + (2_000_000).to_bytes(4, "big") + b"free" + bytes(1_999_992))
    large = child(outputs, tmp_path / "big", before=("unshare", "-m", "sh", "-c", script, "sh"))
    assert "MB free" in large.communicate(timeout=100)[0]
    filled = script.replace("&&", f'&& head -c 17M /dev/zero > "{outputs.directory}/x";', 1)
    full = child(outputs, tmp_path / "film", before=("unshare", "-m", "sh", "-c", filled, "sh"))
    assert "is full" in full.communicate(timeout=100)[0]


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["../a.mp4", "/tmp/a.mp4", "a/b.mp4", "..", "nul"])
async def test_nothing_is_written_outside_the_directory(outputs: Outputs, film: bytes, name: str) -> None:
    with pytest.raises(StorageUnavailable):
        await outputs.save(name, FileServer(film).fetch)
    assert not outputs.directory.exists()


@posix
@pytest.mark.anyio
async def test_links_laid_in_the_way_are_not_followed(outputs: Outputs, film: bytes, tmp_path: Path) -> None:
    outputs.directory.mkdir()
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")
    for name in (NAME, f"{NAME}.part", f"{NAME}.part.json"):
        (outputs.directory / name).symlink_to(outside)
    await outputs.save(NAME, FileServer(film).fetch)
    assert outside.read_bytes() == b"mine"
    assert (outputs.directory / NAME).read_bytes() == film
    assert not (outputs.directory / NAME).is_symlink()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageUnavailable, match="cannot be written"):
        check_writable(tmp_path / "file" / "below")
    if not ROOT and sys.platform != "win32":
        (tmp_path / "new").chmod(0o500)
        with pytest.raises(StorageUnavailable, match="may not be written"):
            check_writable(tmp_path / "new")
    if sys.platform == "linux":
        with pytest.raises(StorageUnavailable):
            check_writable(Path("/proc/nothing"))
