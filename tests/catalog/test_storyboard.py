"""Shots that are requests of their own: what each is asked for, and what is refused by its number."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from tests.catalog.asking import CATALOG, KEY, picture

from kling_tools.catalog.storyboard import LONGEST_FILM, in_one_go, shot_plans, shot_requests
from kling_tools.files.montage import MOST_CLIPS, MOST_SECONDS
from kling_tools.model.errors import Impossible
from kling_tools.model.plan import Plan
from kling_tools.model.requests import CreateVideo

IDS = [f"k00000000000{n}" for n in range(8)]


def story(*seconds: int, models: tuple[str, ...] = (), **arguments: Any) -> CreateVideo:
    """Return a storyboard of shots that are so long."""
    shots = [{"prompt": f"shot {n}", "seconds": s} for n, s in enumerate(seconds, 1)]
    for shot, model in zip(shots, models, strict=False):
        shot["model"] = model
    return CreateVideo.model_validate({"shots": shots, **arguments})


def decided(request: CreateVideo) -> list[Plan]:
    """Return the plans of its shots."""
    return [plan for _, plan in shot_plans(CATALOG, request, {}, KEY, IDS, "too long")]


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (story(5, 5), ""),
        (story(5, 5, models=("kling-3.0", "kling-3.0")), ""),
        (story(3, 3, 3, 3, 3, 3, 3), "at most 6 shots"),
        (story(10, 10), "makes 3-15 s, not 20 s"),
        (story(5, 5, models=("kling-3.0", "kling-2.6")), "name different models"),
        (story(5, 5, continuous=True), "starts from the last frame"),
        (story(5, 5, model="kling-2.6"), "one shot at a time"),
    ],
    ids=["in one go", "one model", "seven", "too long", "two models", "continuous", "an older model"],
)
def test_shots_are_tasks_of_their_own_only_where_no_model_makes_them_at_once(request_: CreateVideo, why: str) -> None:
    found = in_one_go(CATALOG, request_, {}, KEY)
    assert isinstance(found, Plan) if not why else why in str(found)


def test_the_first_shot_has_the_image_and_the_last_the_last_image_and_each_follows_the_one_before() -> None:
    request = story(5, 5, 5, continuous=True, image="/a.png", last_image="/z.png", label="x", resolution="1080p")
    one, two, three = shot_requests(request, {}, IDS)
    assert [one.image, two.image, three.image] == ["/a.png", IDS[0], IDS[1]]
    assert [one.last_image, two.last_image, three.last_image] == [None, None, "/z.png"]
    assert {(s.label, s.resolution) for s in (one, two, three)} == {("x", "1080p")}
    assert [plan.after for plan in decided(request)] == ["", IDS[0], IDS[1]]
    assert decided(request)[1].inputs[0].text == IDS[0]


def test_shots_after_a_picture_take_its_shape_unless_another_was_asked_for() -> None:
    tall = {"/a.png": picture(720, 1280)}
    assert shot_requests(story(10, 10, image="/a.png"), tall, IDS)[1].aspect_ratio == "9:16"
    asked = story(10, 10, image="/a.png", aspect_ratio="1:1")
    assert shot_requests(asked, tall, IDS)[1].aspect_ratio == "1:1"


def test_a_voice_is_paid_where_somebody_speaks_and_sound_is_everywhere() -> None:
    request = CreateVideo.model_validate(
        {"shots": [{"prompt": "@voice1 says hi", "seconds": 5}, {"prompt": "rain", "seconds": 5}], "voices": ["v1"]}
    )
    speaking, silent = shot_requests(request, {}, IDS)
    assert (speaking.voices, silent.voices, silent.audio) == (["v1"], [], True)


def test_a_refusal_names_every_shot_that_cannot_be_made() -> None:
    with pytest.raises(Impossible) as caught:
        decided(story(10, 2, 10, 2, 16, model="kling-3.0"))
    assert "Shots 2 and 4: Kling 3.0 makes 3-15 s, not 2 s." in caught.value.message
    assert "Shot 5: " in caught.value.message
    with pytest.raises(Impossible, match=r"Shot 1: There is no model"):
        decided(story(10, 10, models=("kling-9",)))


def test_what_has_no_place_in_a_film_is_refused_with_what_would_work() -> None:
    with pytest.raises(Impossible) as caught:
        decided(story(10, 10, image="/a.png", last_image="/z.png"))
    assert "continuous=true" in caught.value.advice
    with pytest.raises(Impossible, match="540 s"):
        decided(story(*[20] * 28))


def test_as_many_shots_can_be_bought_as_can_be_joined() -> None:
    assert story(*[3] * MOST_CLIPS).shots
    with pytest.raises(ValidationError):
        story(*[3] * (MOST_CLIPS + 1))
    assert LONGEST_FILM < MOST_SECONDS
