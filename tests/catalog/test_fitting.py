"""What is known of media and words before they are opened or sent is held against the limits (kling-official 3, 11)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.catalog.asking import PAIR, TOOLS, film, picture, planned, refused, sentence, sound
from tests.promises import keeps

from kling_tools.model.media import Source
from kling_tools.model.specs import VideoSpec

S = "https://x/a"
TALK = {"video": "https://x/v.mp4", "text": "", "audio": S}
A, B = "https://x/a.png", "https://x/b.png"
#: Calls with a picture `a`, by tool.
WITH_PICTURE: dict[str, tuple[str, dict[str, Any]]] = {
    "first frame": ("create_video", {"prompt": "x", "image": A}),
    "last frame": ("create_video", {"prompt": "x", "image": B, "last_image": A}),
    "reference": ("create_video", {"prompt": "x", "references": [A]}),
    "edit": ("edit_video", {"prompt": "x", "video": "https://x/v.mp4", "references": [A]}),
    "motion": ("transfer_motion", {"image": A, "video": "https://x/v.mp4"}),
    "effect": ("apply_effect", {"scene": "running", "images": [A]}),
    "avatar": ("create_avatar", {"image": A, "text": "Good morning to everybody in this room."}),
    "picture": ("create_image", {"prompt": "x", "references": [A]}),
    "element": ("create_element", {"name": "n", "description": "d", "images": [A, B]}),
}
MISFITS = (
    (picture(1, 1), "1x1 px"),
    (picture(900, 300), "2.5:1"),
    (Source(kind="image", format="webp", width=640, height=640), "WEBP; Kling takes JPEG or PNG"),
    (Source(kind="image", format="png", size=50_000_001), "50.1 MB"),
    (sound(), "a sound"),
)


@pytest.mark.parametrize("use", WITH_PICTURE)
@pytest.mark.parametrize(("source", "words"), MISFITS)
@keeps("nothing-impossible")
def test_a_picture_that_does_not_fit_is_refused_wherever_it_goes_in(use: str, source: Source, words: str) -> None:
    tool, arguments = WITH_PICTURE[use]
    assert refused(tool, **arguments) is None
    assert words in sentence(tool, {A: source}, **arguments)


@pytest.mark.parametrize("tool", ["create_video", "edit_video"])
def test_a_file_is_left_to_whoever_opens_it_and_knows_what_to_do(tool: str) -> None:
    more: dict[str, Any] = {"video": "https://x/v.mp4"} if tool == "edit_video" else {"image": "a.png"}
    assert refused(tool, {"a.png": picture(1, 1)}, prompt="x", references=["a.png"], **more) is None


def test_the_older_api_takes_smaller_pictures() -> None:
    large = Source(kind="image", format="png", size=10_000_001)
    arguments: dict[str, Any] = {"prompt": "x", "image": A, "model": "kling-3.0"}
    assert refused("create_video", {A: large}, **arguments) is None
    assert "at most 10 MB here" in sentence("create_video", {A: large}, PAIR, **arguments)


#: Tool, arguments with a sound `a`, the sound, the words.
SOUNDS = (
    ("lip_sync", TALK, Source(kind="audio", seconds=5, size=5_000_001), "5.1 MB"),
    ("create_avatar", {"image": A, "audio": S}, Source(kind="audio", seconds=301), "2 to 300 s"),
    ("create_voice", {"name": "n", "sample": S}, Source(kind="audio", format="m4a", seconds=9), "MP3 or WAV"),
    ("create_voice", {"name": "n", "sample": S}, Source(kind="video", format="webm", seconds=9), "MP4 or MOV"),
    ("create_voice", {"name": "n", "sample": S}, Source(kind="video", seconds=31), "5 to 30 s"),
)


@pytest.mark.parametrize(("tool", "arguments", "source", "words"), SOUNDS)
@keeps("nothing-impossible")
def test_a_sound_that_does_not_fit_is_refused(tool: str, arguments: dict[str, Any], source: Source, words: str) -> None:
    told = sentence(tool, {S: source}, **arguments)
    assert told.count(words) == 1, told


def test_a_voice_sample_goes_by_address_only() -> None:
    (sample,) = planned("create_voice", {"a": sound(9)}, name="n", sample="a").inputs
    assert sample.limits is None


def test_a_frame_that_would_be_too_small_is_refused_before_it_is_cut_out() -> None:
    assert "250 px" in sentence("extend_video", {"v.mp4": film(5, 450, 250)}, video="v.mp4")
    assert refused("extend_video", {"v.mp4": film(5)}, video="v.mp4") is None


@pytest.mark.parametrize("element", ["element:", "element:Zhang", "element:1.5", "element:-1"])
@pytest.mark.parametrize("tool", ["create_video", "edit_video", "create_image"])
@keeps("nothing-impossible")
def test_what_cannot_be_an_element_is_refused(tool: str, element: str) -> None:
    more: dict[str, Any] = {"video": "https://x/v.mp4"} if tool == "edit_video" else {}
    told = sentence(tool, prompt="x", references=[element], **more)
    assert "names no element" in told
    assert "list_library" in told


#: Pictures, elements and film elements beside a video that is edited, and whether 3.0 Omni and O1 do it.
EDITS = [(4, 0, 0, True, True), (5, 0, 0, False, False), (0, 0, 1, True, False), (1, 0, 1, False, False)]


@pytest.mark.parametrize(("pictures", "elements", "film_elements", "omni", "o1"), EDITS)
@keeps("nothing-impossible")
def test_an_edit_takes_as_much_beside_its_video_as_the_matrix_says(
    pictures: int, elements: int, film_elements: int, omni: bool, o1: bool
) -> None:
    of_film = [f"element:9{n}" for n in range(film_elements)]
    references = [f"https://x/{n}.png" for n in range(pictures)] + [f"element:{n}" for n in range(elements)] + of_film
    arguments: dict[str, Any] = {"prompt": "x", "video": "https://x/v.mp4", "references": references}
    for model, fits in (("kling-3.0-omni", omni), ("kling-o1", o1)):
        told = sentence("edit_video", dict.fromkeys(of_film, film()), model=model, **arguments)
        assert (told == "") is fits, told


def test_pictures_take_no_element_made_from_a_video() -> None:
    arguments: dict[str, Any] = {"prompt": "x", "references": ["element:1"]}
    assert refused("create_image", **arguments) is None
    assert "elements made of pictures only" in sentence("create_image", {"element:1": film()}, **arguments)


def test_the_camera_counts_as_words_of_every_shot() -> None:
    shots = [{"prompt": "x" * 500, "seconds": 3}]
    assert refused("create_video", shots=shots) is None
    assert "512 characters" in sentence("create_video", shots=shots, camera="zoom_in")


def test_all_shots_together_may_be_as_long_as_a_prompt() -> None:
    def of(words: int) -> list[dict[str, Any]]:
        return [{"prompt": "x" * words, "seconds": 1}] * 6

    assert refused("create_video", model="kling-3.0", shots=of(490)) is None
    assert "3072 characters of prompt in all shots" in sentence("create_video", model="kling-3.0-turbo", shots=of(512))
    longer = planned("create_video", model="kling-3.0", shots=of(512))
    assert longer.standard == "legacy", "the older API reads them one by one"


@pytest.mark.parametrize("ratio", ["auto", "16:9", "4:3"])
def test_with_a_first_frame_no_ratio_is_sent_that_the_page_does_not_know(ratio: str) -> None:
    shape = {"auto": (300, 640), "16:9": (1280, 720), "4:3": (640, 480)}[ratio]
    arguments: dict[str, Any] = {"prompt": "x", "image": "a.png", "references": [B], "aspect_ratio": ratio}
    spec = planned("create_video", {"a.png": picture(*shape)}, **arguments).spec
    assert isinstance(spec, VideoSpec)
    assert spec.product == "omni-video"
    assert spec.aspect_ratio is None


@pytest.mark.parametrize(
    "prompt", ["shot 1, 3, a fox; shot 2, 2, a bear;", "Shot 1,3,a fox;", "镜头 1, 3, 狐狸；镜头 2, 2, 熊；"]
)
@keeps("nothing-impossible")
def test_shots_written_into_the_prompt_are_refused_since_they_would_be_one(prompt: str) -> None:
    with pytest.raises(ValueError, match="pass them as shots"):
        TOOLS["create_video"].model_validate({"prompt": prompt})
    TOOLS["create_video"].model_validate({"prompt": f"In {prompt}"})
    TOOLS["create_video"].model_validate({"prompt": "Shot 1, 35mm lens, a fox; it is late"})


def test_a_voice_without_an_id_is_refused() -> None:
    with pytest.raises(ValueError, match="list_library"):
        TOOLS["create_video"].model_validate({"prompt": "x", "voices": ["12", " "]})


def test_a_sound_that_would_begin_after_the_longest_video_is_refused_before_faces_are_paid_for() -> None:
    talk: dict[str, Any] = {"video": "https://x/v.mp4", "text": "Good morning to everybody in this room."}
    assert "at_seconds" in sentence("lip_sync", **talk, at_seconds=59)
    assert refused("lip_sync", **talk, at_seconds=58) is None


#: Arguments, what the refusal says, and what it advises.
ADVICE: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("create_video", {"prompt": "x", "aspect_ratio": "4:3"}, "16:9, 9:16 or 1:1", "aspect_ratio=16:9 would work"),
    ("create_video", {"prompt": "x", "references": [A] * 8}, "Omni takes at most 7", "At most 7 references would"),
    ("create_image", {"prompt": "x", "references": [A] * 11}, "Omni takes at most 10", "At most 10 references would"),
    ("apply_effect", {"scene": "kiss_pro", "images": [A]}, "takes 2 pictures", "Two pictures would work"),
    ("apply_effect", {"scene": "running", "images": [A, B]}, "takes 1 picture", "One picture would work"),
)


@pytest.mark.parametrize(("tool", "arguments", "words", "advice"), ADVICE)
def test_a_refusal_names_the_limit_that_counts_and_what_would_work(
    tool: str, arguments: dict[str, Any], words: str, advice: str
) -> None:
    error = refused(tool, **arguments)
    assert error is not None
    assert words in error.message
    assert advice in error.advice
