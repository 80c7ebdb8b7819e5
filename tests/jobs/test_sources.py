"""What is known of media before anything is decided: from files, the journal and a look at an address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.files.conftest import picture_bytes
from tests.jobs.finished import finished
from tests.jobs.house import a_house
from tests.jobs.test_media import SPOKEN, a_sound, a_video
from tests.promises import keeps
from tests.providers.values import PLAN
from tests.studio.open import a_picture

from kling_tools.client.probing import Probed
from kling_tools.jobs.sources import KEPT_SECONDS, Sources
from kling_tools.model.errors import BadMedia, UnknownTask
from kling_tools.model.media import Source
from kling_tools.model.plan import Input
from kling_tools.model.requests import CreateElement, CreateVideo, CreateVoice, EditVideo, ExtendVideo, LipSync
from kling_tools.model.specs import ElementSpec
from kling_tools.model.tasks import Output

pytestmark = pytest.mark.anyio

CLIP = "https://a.test/clip.mp4"
MADE = replace(PLAN, tool="create_element", model="kling-element", spec=ElementSpec(name="Fox", description="red"))


@dataclass
class Looker:
    """A prober that sees what it is told to, and keeps what it was asked."""

    head: bytes = b""
    size: int | None = None
    asked: list[str] = field(default_factory=list)

    async def look(self, url: str) -> Probed:
        """Look at an address."""
        self.asked.append(url)
        return Probed(self.size, "", self.head)

    async def fetch_to(self, url: str, target: Path, max_bytes: int) -> None:
        """Bring a file."""
        self.asked.append(url)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self.head)


def looking(sources: Sources, looker: Looker) -> Sources:
    """Return sources with this prober."""
    return replace(sources, prober=looker)  # type: ignore[arg-type]


async def test_a_file_tells_its_kind_sides_and_length(
    tmp_path: Path, clips: Mapping[str, Path], sounds: Mapping[str, Path]
) -> None:
    async with a_house(tmp_path) as house:
        places = replace(house.sources, inputs=replace(house.sources.inputs, roots=(Path("/"),)))
        picture, clip, sound = a_picture(tmp_path), str(clips["wide"]), str(sounds["mp3"])
        found = dict(await places.of(CreateVideo(prompt="x", image=picture, references=[sound])))
        found |= await places.of(ExtendVideo(video=clip, prompt="x"))
        assert {text: source.kind for text, source in found.items()} == {
            picture: "image",
            clip: "video",
            sound: "audio",
        }
        assert (found[picture].width, found[picture].height, found[picture].format) == (640, 360, "jpeg")
        assert (found[clip].width, found[clip].has_audio, found[clip].made_here) == (160, True, False)
        assert found[clip].seconds == pytest.approx(2, abs=0.4)
        assert found[sound].seconds == pytest.approx(3, abs=0.1)


async def test_a_video_of_ones_own_is_refused_before_its_figures_are_judged(
    tmp_path: Path, clips: Mapping[str, Path]
) -> None:
    async with a_house(clips["wide"].parent) as house:
        clip = str(clips["wide"])
        for request in (EditVideo(video=clip, prompt="snow"), CreateVideo(prompt="x", references=[clip])):
            with pytest.raises(BadMedia, match="has no upload for a file") as caught:
                await house.sources.of(request)
            assert "the id of a finished task, or an https address" in caught.value.advice


async def test_a_file_of_the_wrong_kind_is_refused_by_the_arguments_name(
    tmp_path: Path, sounds: Mapping[str, Path]
) -> None:
    async with a_house(sounds["mp3"].parent) as house:
        with pytest.raises(BadMedia, match="image has to be a picture, not a sound"):
            await house.sources.of(CreateVideo(prompt="x", image=str(sounds["mp3"])))
    async with a_house(tmp_path) as house:
        with pytest.raises(BadMedia, match="video has to be a video, not a picture"):
            await house.sources.of(LipSync(video=a_picture(tmp_path), text="Hello"))
        with pytest.raises(BadMedia):
            await house.sources.of(CreateVideo(prompt="x", image=str(tmp_path / "gone.png")))


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        (CLIP, "video"),
        ("https://a.test/a.MOV?x=1", "video"),
        ("https://a.test/a.mp3#t", "audio"),
        ("https://a.test/a.webp", "image"),
        ("https://a.test/a", "image"),
    ],
)
async def test_an_address_that_nobody_looks_at_is_judged_by_its_name(tmp_path: Path, url: str, kind: str) -> None:
    async with a_house(tmp_path) as house:
        found = await house.sources.of(CreateVideo(prompt="x", references=[url]))
        assert found == {url: Source(kind=kind)}  # type: ignore[arg-type]


async def test_where_the_kind_is_asked_for_the_name_does_not_matter(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        found = await house.sources.of(EditVideo(video="https://a.test/watch", prompt="snow"))
        assert found["https://a.test/watch"].kind == "video"


async def test_a_look_at_an_address_tells_more_than_its_name_and_is_taken_once(
    tmp_path: Path, clips: Mapping[str, Path]
) -> None:
    async with a_house(tmp_path) as house:
        looker = Looker(picture_bytes(640, 360), 12_345)
        sources = looking(house.sources, looker)
        found = await sources.of(CreateVideo(prompt="x", image=CLIP, last_image=CLIP))
        source = found[CLIP]
        assert (source.kind, source.width, source.height, source.size) == ("image", 640, 360, 12_345)
        assert looker.asked == [CLIP]
        with pytest.raises(BadMedia, match="video has to be a video, not a picture"):
            await sources.of(EditVideo(video=CLIP, prompt="snow"))
        unreadable = looking(house.sources, Looker(b"<html>", 7))
        assert await unreadable.of(EditVideo(video=CLIP, prompt="snow")) == {CLIP: Source(kind="video", size=7)}


async def test_a_result_of_an_earlier_task_tells_what_its_file_told(tmp_path: Path, sounds: Mapping[str, Path]) -> None:
    async with a_house(tmp_path) as house:
        video = await finished(house, a_video(tmp_path / "fox.mp4", has_audio=True))
        sound = await finished(house, a_sound(sounds["mp3"]), plan=SPOKEN)
        found = await house.sources.of(LipSync(video=video.id, audio=sound.id))
        assert found[video.id] == Source(
            kind="video", seconds=2.0, width=160, height=90, has_audio=True, made_here=True, provider="kling"
        )
        assert (found[sound.id].kind, found[sound.id].made_here) == ("audio", True)
        frame = await house.sources.of(CreateVideo(prompt="x", image=video.id))
        assert frame[video.id].kind == "video", "as a picture it gives its last frame"
        with pytest.raises(BadMedia, match="image has to be a picture, not a sound"):
            await house.sources.of(CreateVideo(prompt="x", image=sound.id))
        with pytest.raises(UnknownTask):
            await house.sources.of(CreateVideo(prompt="x", image="k000000000000"))


async def test_a_made_voice_or_element_is_no_file_and_says_how_it_is_named(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        element = await finished(house, Output(kind="element", url="", path=a_picture(tmp_path), remote_id="77"))
        voice = await finished(house, Output(kind="voice", url="", path=a_picture(tmp_path), remote_id="v-8"))
        with pytest.raises(BadMedia, match="made an element") as caught:
            await house.sources.of(CreateVideo(prompt="x", image=element.id))
        assert '"element:77"' in caught.value.advice
        with pytest.raises(BadMedia, match="made a voice") as caught:
            await house.sources.of(CreateVoice(name="Ada", sample=voice.id))
        assert '"v-8"' in caught.value.advice


async def test_an_element_that_was_made_from_here_is_known_by_what_it_was_made_of(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        film = Input(role="reference", kind="video", text=CLIP, name="video")
        for remote, inputs in (("71", ()), ("72", (film,))):
            made = Output(kind="element", url="", remote_id=remote)
            await finished(house, made, plan=replace(MADE, inputs=inputs))
        found = await house.sources.of(
            CreateVideo(prompt="x", references=["element:71", "element: 72", "element:404", CLIP])
        )
        assert {text: source.kind for text, source in found.items()} == {
            "element:71": "image",
            "element: 72": "video",
            CLIP: "video",
        }


async def test_a_public_video_is_brought_here_once(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        with pytest.raises(BadMedia, match="simulated"):
            await house.sources.bring(CLIP, tmp_path / "brought")
        looker = Looker(b"film")
        sources = looking(house.sources, looker)
        paths = {await sources.bring(url, tmp_path / "brought") for url in (CLIP, CLIP, f"{CLIP}?other")}
        assert len(paths) == len(looker.asked) == 2
        assert all(path.parent == tmp_path / "brought" and path.read_bytes() == b"film" for path in paths)


@keeps("nothing-impossible")
async def test_what_was_brought_earlier_does_not_stand_for_what_is_there_now(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        early = await looking(house.sources, Looker(b"monday")).bring(CLIP, tmp_path / "brought")
        house.clock.step(KEPT_SECONDS)
        late = await looking(house.sources, Looker(b"tuesday")).bring(CLIP, tmp_path / "brought")
        assert (early.read_bytes(), late.read_bytes()) == (b"monday", b"tuesday")


async def test_a_request_without_media_asks_nobody(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        looker = Looker()
        assert await looking(house.sources, looker).of(CreateVideo(prompt="x")) == {}
        element = CreateElement(name="Fox", description="red", images=["https://a.test/1.png", "https://a.test/2.png"])
        assert {s.kind for s in (await house.sources.of(element)).values()} == {"image"}
        assert looker.asked == []
