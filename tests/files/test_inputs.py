"""Only a person's own pictures are opened, only below the roots, and what Kling would refuse is refused here."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import struct
import subprocess
import sys
import threading
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.files.conftest import picture_bytes

from kling_tools.files.inputs import Inputs, default_roots
from kling_tools.model.errors import BadMedia
from kling_tools.model.inputs import SoundLimits
from kling_tools.model.media import ImageLimits, Medium

LIMITS = ImageLimits(max_bytes=10_000_000, min_side=300, max_ratio=2.5)
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "secret.png").write_bytes(picture_bytes(400, 300, "PNG"))
    return tmp_path


def put(home: Path, data: bytes, name: str = "a.png") -> Path:
    path = home / "pictures" / name
    path.write_bytes(data)
    return path


async def refusal(path: Path, home: Path, limits: ImageLimits = LIMITS) -> str:
    async with asyncio.timeout(30):
        with pytest.raises(BadMedia) as caught:
            await Inputs((home / "pictures",)).picture(path, limits)
    assert caught.value.advice
    return caught.value.sentence()


@pytest.mark.anyio
async def test_a_good_picture_is_read_whole(home: Path) -> None:
    data = picture_bytes(640, 480)
    picture = await Inputs((home / "pictures",)).picture(put(home, data, "lies.png"), LIMITS)
    digest = hashlib.sha256(data).hexdigest()
    assert picture == Medium(data=data, width=640, height=480, mime="image/jpeg", sha256=digest)


@pytest.mark.anyio
async def test_sides_are_compared_as_shown(home: Path) -> None:
    limits = replace(LIMITS, max_ratio=1.5)
    picture = await Inputs((home,)).picture(put(home, picture_bytes(450, 300, orientation=6)), limits)
    assert (picture.width, picture.height) == (300, 450)


@pytest.mark.anyio
async def test_a_picture_of_the_wrong_shape_is_refused_with_numbers_and_remedy(home: Path) -> None:
    small = await refusal(put(home, picture_bytes(214, 300)), home)
    assert "is 214x300 px; Kling needs at least 300 px on each side. Nothing was spent. Use a larger picture." in small
    assert "1:2.5 to 2.5:1" in await refusal(put(home, picture_bytes(1000, 399)), home)


@pytest.mark.anyio
async def test_what_is_no_picture_is_not_quoted(home: Path) -> None:
    said = await refusal(put(home, b"password=hunter2\n" * 99), home)
    assert "no picture" in said
    assert "hunter2" not in said
    assert "is empty" in await refusal(put(home, b""), home)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
async def test_a_picture_cut_in_half_is_refused(home: Path, kind: str) -> None:
    data = picture_bytes(400, 400, kind)
    assert "its end is missing" in await refusal(put(home, data[: len(data) // 2]), home)
    if kind == "PNG":  # with a new end sewn on; of a JPEG, libjpeg paints what is missing grey
        assert "damaged" in await refusal(put(home, data[: len(data) // 2] + data[-12:]), home)


def bomb(width: int, height: int) -> bytes:
    """Return the header of a huge PNG."""
    body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", 13, b"IHDR") + body
    return data + struct.pack(">I", zlib.crc32(b"IHDR" + body)) + bytes(50)


@pytest.mark.anyio
async def test_a_decode_bomb_is_refused_by_its_header(home: Path) -> None:
    assert "50 megapixels" in await refusal(put(home, bomb(9000, 9000)), home)


@pytest.mark.anyio
async def test_a_second_header_cannot_hide_a_bomb(home: Path) -> None:
    data = picture_bytes(400, 400, "PNG")
    body = struct.pack(">IIBBBBB", 6000, 6000, 8, 2, 0, 0, 0)
    second = struct.pack(">I4s", 13, b"IHDR") + body + struct.pack(">I", zlib.crc32(b"IHDR" + body))
    assert "damaged" in await refusal(put(home, data[:33] + second + data[33:]), home)


@pytest.mark.anyio
async def test_a_path_that_leads_nowhere_is_named(home: Path) -> None:
    assert "does not exist" in await refusal(home / "pictures" / "none.png", home)
    assert "does not exist" in await refusal(put(home, b"x") / "below.png", home)
    assert "a directory" in await refusal(home / "pictures", home)
    await refusal(Path("pictures\0.png"), home)
    await refusal(home / "pictures" / ("x" * 300), home)


@pytest.mark.anyio
async def test_outside_the_roots_is_refused_whether_or_not_it_exists(home: Path) -> None:
    for path in (home / "secret.png", home / "none.png", home / "pictures" / ".." / "secret.png", Path("/etc/passwd")):
        said = await refusal(path, home)
        assert str(home / "pictures") in said
        assert "KLING_INPUT_ROOTS" in said
    assert "outside" in await refusal(Path(f"{home}/pictures-of-others/a.png"), home)


@posix
@pytest.mark.anyio
async def test_links_are_judged_by_where_they_lead(home: Path) -> None:
    out, inside, loop = (home / "pictures" / name for name in ("out.png", "in.png", "loop.png"))
    out.symlink_to(home / "secret.png")
    (home / "pictures" / "up").symlink_to(home)
    inside.symlink_to(put(home, picture_bytes(400, 300)))
    loop.symlink_to(loop)
    assert "leads to a place that is outside" in await refusal(out, home)
    assert "outside" in await refusal(home / "pictures" / "up" / "secret.png", home)
    assert (await Inputs((home / "pictures",)).picture(inside, LIMITS)).width == 400
    await refusal(loop, home)


@posix
@pytest.mark.anyio
async def test_pipes_sockets_and_devices_are_refused_without_waiting(home: Path) -> None:
    os.mkfifo(home / "pictures" / "pipe.png")
    assert "a pipe" in await refusal(home / "pictures" / "pipe.png", home)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(home / "pictures" / "s"))
        assert "a socket" in await refusal(home / "pictures" / "s", home)
    for device in ("/dev/zero", "/dev/tty"):
        with pytest.raises(BadMedia, match="a device"):
            await Inputs((Path("/dev"),)).picture(Path(device), LIMITS)


@posix
@pytest.mark.anyio
@pytest.mark.skipif(ROOT, reason="root may read everything")
async def test_a_file_of_somebody_else_is_refused(home: Path) -> None:
    path = put(home, picture_bytes(400, 300))
    path.chmod(0)
    assert "may not be read" in await refusal(path, home)


@posix
@pytest.mark.anyio
async def test_a_directory_exchanged_in_flight_never_leaks_what_lies_outside(home: Path) -> None:
    (home / "outside").mkdir()
    (home / "outside" / "a.png").write_bytes(picture_bytes(500, 500, "PNG"))
    real, link, place = home / "pictures" / "real", home / "pictures" / "link", home / "pictures" / "place"
    real.mkdir()
    (real / "a.png").write_bytes(picture_bytes(400, 400, "PNG"))
    link.symlink_to(home / "outside")
    stop = threading.Event()

    def exchange() -> None:
        while not stop.is_set():
            for one in (real, link):
                os.rename(one, place)
                os.rename(place, one)

    thread = threading.Thread(target=exchange)
    thread.start()
    seen = 0
    try:
        for _ in range(300):
            try:
                picture = await Inputs((home / "pictures",)).known(place / "a.png", name="image")
            except BadMedia:
                continue
            assert picture.width == 400
            seen += 1
    finally:
        stop.set()
        thread.join(5)
    assert seen  # it did open the one that lies inside


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.sampled_from(["..", ".", "up", "pictures", "secret.png", "a.png", "", "~", "\0"]), max_size=8))
def test_no_path_escapes_the_roots(home: Path, parts: list[str]) -> None:
    up = home / "pictures" / "up"
    if not up.is_symlink():
        up.symlink_to(home)
        put(home, picture_bytes(320, 320, "PNG"))
    path = Path(f"{home}/pictures/" + "/".join(parts))
    try:
        picture = asyncio.run(Inputs((home / "pictures",)).known(path, name="image"))
    except BadMedia:
        return
    assert picture.width == 320


@pytest.mark.anyio
async def test_a_video_is_known_by_its_content(home: Path, clips: dict[str, Path]) -> None:
    inputs = Inputs((home / "pictures",))
    film = put(home, clips["wide"].read_bytes(), "film.txt")
    assert await inputs.video(film) == Path(os.path.realpath(film))
    for bad in (put(home, b"#EXTM3U\nfile:///etc/passwd\n", "list.mp4"), home / "secret.png"):
        with pytest.raises(BadMedia):
            await inputs.video(bad)


SOUND = SoundLimits(max_bytes=100_000, min_seconds=2, max_seconds=60)


async def unheard(path: Path, home: Path, limits: SoundLimits = SOUND) -> str:
    async with asyncio.timeout(30):
        with pytest.raises(BadMedia) as caught:
            await Inputs((home / "pictures",)).sound(path, limits, name="audio")
    assert caught.value.advice
    return caught.value.sentence()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("kind", "mime"), [("mp3", "audio/mpeg"), ("wav", "audio/wav"), ("m4a", "audio/mp4"), ("aac", "audio/aac")]
)
async def test_a_good_sound_is_read_whole(home: Path, sounds: dict[str, Path], kind: str, mime: str) -> None:
    data = sounds[kind].read_bytes()
    sound = await Inputs((home / "pictures",)).sound(put(home, data, "lies.png"), SOUND)
    assert (sound.kind, sound.data, sound.mime) == ("audio", data, mime)
    assert sound.seconds == pytest.approx(3, abs=0.1)
    assert sound.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.anyio
async def test_a_sound_that_does_not_fit_is_refused_with_numbers_and_remedy(
    home: Path, sounds: dict[str, Path], clips: dict[str, Path]
) -> None:
    path = put(home, sounds["mp3"].read_bytes())
    said = await unheard(path, home, replace(SOUND, min_seconds=5))
    assert "3.1 s long; Kling takes 5 to 60 s here. Nothing was spent. Use a longer sound." in said.replace(
        "3 s", "3.1 s"
    )
    assert "Cut it" in await unheard(path, home, replace(SOUND, max_seconds=2))
    large = put(home, sounds["wav"].read_bytes() + bytes(200_000))
    assert "0.3 MB; Kling takes at most 0.1 MB here" in await unheard(large, home)
    assert "is WAV; Kling takes MP3 here" in await unheard(
        put(home, sounds["wav"].read_bytes()), home, replace(SOUND, formats=("mp3",))
    )
    assert "its end is missing" in await unheard(put(home, sounds["mp3"].read_bytes()[:9000]), home)
    assert "it is a video" in await unheard(put(home, clips["wide"].read_bytes()), home)
    assert "is no sound" in await unheard(put(home, b"hunter2" * 99), home)
    assert "outside" in await unheard(home / "secret.png", home)


@pytest.mark.anyio
async def test_a_clip_tells_its_figures_and_a_cut_one_is_refused(home: Path, clips: dict[str, Path]) -> None:
    inputs = Inputs((home / "pictures",))
    data = clips["turned"].read_bytes()
    clip = await inputs.clip(put(home, data, "film.txt"), name="base_video")
    assert (clip.kind, clip.size, clip.facts.width, clip.facts.height, clip.facts.fps) == (
        "mp4",
        len(data),
        90,
        160,
        10,
    )
    assert clip.facts.has_audio
    for bad, words in ((data[:-9], "is no whole video. The file is cut off"), (b"GIF89a", "is no MP4 or MOV")):
        with pytest.raises(BadMedia, match=words):
            await inputs.clip(put(home, bad), name="base_video")


@pytest.mark.anyio
async def test_a_file_is_known_by_its_content_whatever_it_is(
    home: Path, clips: dict[str, Path], sounds: dict[str, Path]
) -> None:
    inputs = Inputs((home / "pictures",))
    for data, kind, form in (
        (picture_bytes(640, 480), "image", "jpeg"),
        (picture_bytes(64, 48, "GIF"), "image", "gif"),
        (clips["wide"].read_bytes(), "video", "mp4"),
        (sounds["aac"].read_bytes(), "audio", "aac"),
        (sounds["isom"].read_bytes(), "audio", "m4a"),
    ):
        known = await inputs.known(put(home, data, "x"), name="a")
        assert (known.kind, known.format, known.size) == (kind, form, len(data))
    for bad in (b"", b"hunter2" * 9, clips["wide"].read_bytes()[:-9], sounds["wav"].read_bytes()[:-9]):
        with pytest.raises(BadMedia) as caught:
            await inputs.known(put(home, bad, "x"), name="a")
        assert "hunter2" not in caught.value.sentence()


WITHOUT_PILLOW = """
import asyncio, sys
from pathlib import Path
sys.modules["PIL"] = None
from kling_tools.files.inputs import Inputs
from kling_tools.model.errors import BadMedia
from kling_tools.model.media import ImageLimits
for path in sys.argv[2:]:
    try:
        limits = ImageLimits(max_bytes=10**7, min_side=300, max_ratio=2.5)
        print(asyncio.run(Inputs((Path(sys.argv[1]),)).picture(Path(path), limits)))
    except BadMedia as error:
        print(error.message)
"""


def test_without_pillow_the_header_and_the_end_are_still_checked(home: Path) -> None:
    data = picture_bytes(400, 300)
    good, small, cut = put(home, data, "1"), put(home, picture_bytes(214, 300), "2"), put(home, data[:-9], "3")
    command = [sys.executable, "-W", "error", "-c", WITHOUT_PILLOW, str(home), str(good), str(small), str(cut)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    said = subprocess.run(command, capture_output=True, text=True, timeout=100, env=env, check=True).stdout.splitlines()
    assert "400x300" in said[0]
    assert "214x300" in said[1]
    assert "end is missing" in said[2]


def test_the_usual_roots_leave_out_the_home_and_the_whole_disk(tmp_path: Path) -> None:
    for folder in ("Desktop", "Music", "work"):
        (tmp_path / folder).mkdir()
    out, work = tmp_path / "out", tmp_path / "work"
    shared = (tmp_path / "Desktop", tmp_path / "Music")
    assert default_roots(out, work, tmp_path) == (out, work, *shared)
    assert default_roots(out, tmp_path, tmp_path) == (out, *shared)
    assert default_roots(out, Path("/"), tmp_path) == (out, *shared)
