"""What is read of a medium when it is sent: every kind of medium, named in every way, or a refusal with a way out."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageStat
from tests.files.conftest import STEP
from tests.jobs.finished import finished
from tests.jobs.house import START, House, a_house
from tests.providers.values import PLAN
from tests.providers.values import SPEECH as WORDS
from tests.studio.open import a_picture

from kling_tools.jobs.orders import FRESH_SECONDS
from kling_tools.model.errors import BadMedia, EncoderMissing, UnknownTask
from kling_tools.model.inputs import ClipLimits, SoundLimits
from kling_tools.model.media import ImageLimits, MediaKind, Medium
from kling_tools.model.plan import Input
from kling_tools.model.specs import SoundSpec, SpeechSpec
from kling_tools.model.tasks import URL_LIFETIME, Output, Task

pytestmark = pytest.mark.anyio

LIMITS: Mapping[MediaKind, Any] = {
    "image": ImageLimits(max_bytes=10_000_000, min_side=64, max_ratio=2.5),
    "video": ClipLimits(max_bytes=100_000_000, min_seconds=2, max_seconds=60, min_side=64, max_side=2160),
    "audio": SoundLimits(max_bytes=5_000_000, min_seconds=2, max_seconds=60),
}
SPOKEN = replace(PLAN, model="kling-speech", spec=SpeechSpec(speech=WORDS))
SOUNDED = replace(PLAN, model="kling-sound", spec=SoundSpec(product="sound-from-text", prompt="rain", seconds=5.0))
URL = "https://cdn.test/result"


async def read(house: House, kind: MediaKind, text: str, *, seconds: float = 0.0, continued: bool = False) -> Medium:
    """Read one medium, as a plan names it."""
    role = "first_frame" if kind == "image" else kind
    given = Input(role=role, kind=kind, text=text, name=kind, seconds=seconds, limits=LIMITS[kind])  # type: ignore[arg-type]
    plan = replace(PLAN, inputs=(given,), continues=text if continued else "")
    (medium,) = (await house.orders.prepare(plan, "k0123456789ab", "sandbox")).media
    return medium


async def refused(house: House, kind: MediaKind, text: str, *words: str) -> None:
    """Check that a medium is refused in these words, with a way out."""
    with pytest.raises(BadMedia) as caught:
        await read(house, kind, text)
    assert caught.value.advice
    for word in words:
        assert word in caught.value.message


def a_video(path: Path, **more: Any) -> Output:
    """Return a video as a finished task has it."""
    return Output(
        kind="video", path=str(path), remote_id="v-1", width=160, height=90, seconds=2.0, **{"url": URL, **more}
    )


def a_sound(path: Path, **more: Any) -> Output:
    """Return a sound as a finished task has it."""
    return Output(kind="audio", path=str(path), remote_id="aud-1", seconds=3.0, **{"url": URL, **more})


# --- files ------------------------------------------------------------------------------------------------------------


async def test_a_picture_of_ones_own_is_read_whole(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        path = a_picture(tmp_path)
        medium = await read(house, "image", path)
        assert (medium.kind, medium.width, medium.height, medium.mime) == ("image", 640, 360, "image/jpeg")
        assert medium.data == Path(path).read_bytes()
        assert medium.sha256 == hashlib.sha256(medium.data).hexdigest()


async def test_a_sound_of_ones_own_is_read_whole(tmp_path: Path, sounds: Mapping[str, Path]) -> None:
    async with a_house(sounds["mp3"].parent) as house:
        medium = await read(house, "audio", str(sounds["mp3"]))
        assert (medium.kind, medium.mime, medium.url) == ("audio", "audio/mpeg", "")
        assert medium.seconds == pytest.approx(3, abs=0.1)
        assert medium.data == sounds["mp3"].read_bytes()


async def test_a_video_of_ones_own_is_refused_since_there_is_no_upload(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await refused(house, "video", str(tmp_path / "fox.mp4"), "by address only")


async def test_files_of_another_kind_are_refused(
    tmp_path: Path, clips: Mapping[str, Path], sounds: Mapping[str, Path]
) -> None:
    async with a_house(clips["wide"].parent) as house:
        await refused(house, "image", str(clips["wide"]), "is a video")
        await refused(house, "audio", str(clips["tall"]))
    async with a_house(tmp_path) as house:
        await refused(house, "audio", a_picture(tmp_path), "no sound")
        await refused(house, "image", str(tmp_path / "gone.png"))
    async with a_house(sounds["wav"].parent) as house:
        await refused(house, "image", str(sounds["wav"]), "no picture")


async def test_a_video_that_is_continued_gives_its_last_frame_and_is_known_by_its_bytes(
    clips: Mapping[str, Path],
) -> None:
    async with a_house(clips["wide"].parent) as house:
        medium = await read(house, "image", str(clips["wide"]), continued=True)
        assert (medium.kind, medium.width, medium.height) == ("image", 160, 90)
        assert luma(medium) == pytest.approx(16 + 19 * STEP, abs=25), "the brightest of its twenty frames"
        assert medium.sha256 == hashlib.sha256(clips["wide"].read_bytes()).hexdigest()


async def test_without_ffmpeg_nothing_is_continued(clips: Mapping[str, Path]) -> None:
    async with a_house(clips["wide"].parent) as house:
        house.orders = replace(house.orders, ffmpeg="/no/such/ffmpeg")
        with pytest.raises(EncoderMissing):
            await read(house, "image", str(clips["wide"]), continued=True)


def luma(medium: Medium) -> float:
    """Return how bright a picture is."""
    assert medium.data is not None
    with Image.open(BytesIO(medium.data)) as image:
        return ImageStat.Stat(image.convert("L")).mean[0]


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["image", "video", "audio"])
async def test_an_address_goes_on_as_it_is(tmp_path: Path, kind: MediaKind) -> None:
    async with a_house(tmp_path) as house:
        medium = await read(house, kind, URL, seconds=8.5)
        assert medium == Medium(kind=kind, url=URL, seconds=8.5)


# --- results of earlier tasks -----------------------------------------------------------------------------------------


async def test_a_tasks_picture_is_read_from_the_disk_and_known_by_the_task(tmp_path: Path) -> None:
    async with a_house(tmp_path / "house") as house:
        paths = [Path(a_picture(tmp_path, name, 640, 300 + n)) for n, name in enumerate(("a.jpg", "b.jpg"))]
        task = await finished(house, *(Output(kind="image", url=URL, path=str(path)) for path in paths))
        medium = await read(house, "image", f"{task.id}#2")
        assert (medium.data, medium.height, medium.sha256) == (paths[1].read_bytes(), 301, f"{task.id}#2")
        assert (await read(house, "image", task.id)).sha256 == f"{task.id}#1"


async def test_a_tasks_video_as_a_picture_is_its_last_frame(tmp_path: Path, clips: Mapping[str, Path]) -> None:
    async with a_house(tmp_path) as house:
        task = await finished(house, a_video(clips["wide"]))
        medium = await read(house, "image", task.id)
        assert (medium.kind, medium.width, medium.sha256) == ("image", 160, f"{task.id}#1")
        assert luma(medium) == pytest.approx(16 + 19 * STEP, abs=25)


async def test_a_tasks_video_goes_by_its_id_and_address_within_the_account(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        clip = a_video(tmp_path / "fox.mp4")
        own, foreign = await finished(house, clip), await finished(house, clip, account="kling@elsewhere")
        medium = await read(house, "video", own.id)
        assert (medium.kind, medium.url, medium.remote_id) == ("video", URL, "v-1")
        assert (medium.width, medium.height, medium.seconds) == (160, 90, 2.0)
        assert (await read(house, "video", foreign.id)).remote_id == "", "ids belong to one account"
        assert (await read(house, "video", foreign.id)).url == URL


async def test_a_video_whose_address_is_about_to_die_is_refused(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        dies = START + URL_LIFETIME
        task = await finished(house, a_video(tmp_path / "fox.mp4", url_expires=dies))
        house.clock.time = dies - FRESH_SECONDS - 1
        assert (await read(house, "video", task.id)).url == URL
        house.clock.time = dies - FRESH_SECONDS + 1
        await refused(house, "video", task.id, "no longer kept")


async def test_a_film_that_was_joined_here_is_refused_as_a_video_and_its_part_is_not(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        film, part = a_video(tmp_path / "film.mp4", url=""), a_video(tmp_path / "part.mp4")
        task = await finished(house, film, part)
        await refused(house, "video", task.id, "joined on this machine")
        assert (await read(house, "video", f"{task.id}#2")).remote_id == "v-1"


async def test_a_speech_tasks_sound_goes_by_its_id(tmp_path: Path, sounds: Mapping[str, Path]) -> None:
    async with a_house(tmp_path) as house:
        task = await finished(house, a_sound(sounds["mp3"]), plan=SPOKEN)
        medium = await read(house, "audio", task.id)
        assert (medium.remote_id, medium.url, medium.data, medium.seconds) == ("aud-1", URL, None, 3.0)


@pytest.mark.parametrize("case", ["a sound effect", "another account's speech", "speech that is no longer kept"])
async def test_another_sound_of_a_task_is_sent_as_a_file(tmp_path: Path, sounds: Mapping[str, Path], case: str) -> None:
    async with a_house(tmp_path) as house:
        plan = SOUNDED if case == "a sound effect" else SPOKEN
        account = "kling@elsewhere" if case.startswith("another") else "sandbox"
        expires = START if case.endswith("kept") else None
        task = await finished(house, a_sound(sounds["mp3"], url_expires=expires), plan=plan, account=account)
        medium = await read(house, "audio", task.id)
        assert (medium.data, medium.remote_id) == (sounds["mp3"].read_bytes(), "")
        assert medium.sha256 == f"{task.id}#1"


async def test_a_result_of_the_wrong_kind_is_refused_by_both_kinds(tmp_path: Path, sounds: Mapping[str, Path]) -> None:
    async with a_house(tmp_path) as house:
        made: dict[str, Task] = {
            "a picture": await finished(house, Output(kind="image", url=URL, path=a_picture(tmp_path))),
            "a video": await finished(house, a_video(tmp_path / "fox.mp4")),
            "a sound": await finished(house, a_sound(sounds["mp3"]), plan=SPOKEN),
            "an element": await finished(house, Output(kind="element", url=URL, path=a_picture(tmp_path))),
            "a voice": await finished(house, Output(kind="voice", url=URL, path=str(sounds["mp3"]))),
        }
        kinds: dict[MediaKind, str] = {"image": "a picture", "video": "a video", "audio": "a sound"}
        for kind, wanted in kinds.items():
            for what, task in made.items():
                if what == wanted or (kind, what) == ("image", "a video"):
                    continue
                await refused(house, kind, task.id, f"has to be {wanted}", f"made {what}")


async def test_a_result_that_is_not_there_is_refused(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        with pytest.raises(UnknownTask):
            await read(house, "video", "k000000000000")
        task = await finished(house, Output(kind="image", url=URL, path=str(tmp_path / "moved.png")))
        await refused(house, "image", task.id, "no longer at")
        await refused(house, "image", f"{task.id}#2", "has no file 2")


async def test_files_that_are_too_much_for_one_call_together_are_refused_with_figures_and_the_way_out(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        names = [a_picture(tmp_path, f"{n}.png") for n in range(3)]
        for name in names:
            Path(name).write_bytes(heavy(20_000_000))
        limits = ImageLimits(max_bytes=50_000_000, min_side=64, max_ratio=2.5)
        given = [Input(role="reference", kind="image", text=n, name="references", limits=limits) for n in names]
        two = await house.orders.prepare(replace(PLAN, inputs=tuple(given[:2])), "k0123456789ab", "sandbox")
        assert len(two.media) == 2
        with pytest.raises(BadMedia) as caught:
            await house.orders.prepare(replace(PLAN, inputs=tuple(given)), "k0123456789ab", "sandbox")
    told = caught.value.sentence()
    for words in ("3 files", "80.1 MB", "at most 70 MB", "https URLs"):
        assert words in told


def heavy(size: int) -> bytes:
    """Return a PNG of about so many bytes, all but a few in a chunk that nobody decodes."""
    buffer = BytesIO()
    Image.new("RGB", (640, 360)).save(buffer, "PNG")
    whole, fill = buffer.getvalue(), b"\0" * size
    chunk = struct.pack(">I", size) + b"prVt" + fill + struct.pack(">I", zlib.crc32(b"prVt" + fill))
    return whole[:33] + chunk + whole[33:]
