"""What only older models can do, at those who still sell them: the camera's figures, the brush, ready motions."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from tests.catalog.asking import KEY, PAIR, picture, planned, refused, sentence
from tests.promises import keeps

from kling_tools.catalog.catalog import Catalog
from kling_tools.catalog.data import VideoOffer, shipped
from kling_tools.catalog.storyboard import shot_requests
from kling_tools.model.media import Source
from kling_tools.model.plan import Plan, Route
from kling_tools.model.requests import CreateVideo, TransferMotion
from kling_tools.model.specs import PresetMotionSpec, VideoSpec
from kling_tools.providers.registry import GATEWAYS

NAMES = [gateway.vendor.name for gateway in GATEWAYS]
PATH = [[10, 20], [300, 40]]
STROKES = [{"mask": "moves.png", "path": PATH}, {"mask": "stays.png"}]
BRUSHED: dict[str, Any] = {"prompt": "x", "image": "a.png", "motion_brush": STROKES}


def at(provider: str, sources: dict[str, Source] | None = None, **arguments: Any) -> Plan:
    """Return what a reseller would do."""
    return planned(
        "create_video", sources or {}, Route(provider, (provider,)), Catalog.read("", "", provider), **arguments
    )


def why_not(provider: str, sources: dict[str, Source] | None = None, **arguments: Any) -> str:
    """Return why a reseller would not."""
    catalog = Catalog.read("", "", provider)
    error = refused("create_video", sources or {}, Route(provider, (provider,)), catalog, **arguments)
    return error.sentence() if error else ""


#: Provider, model and arguments; the move that is set, and what goes into the prompt instead.
MOVES: list[tuple[str, str, dict[str, Any], str]] = [
    ("piapi", "kling-1.6", {"camera": "tilt=-5"}, "tilt=-5"),
    ("piapi", "kling-1.6", {"camera": "forward_up"}, ""),
    ("piapi", "kling-1.6", {"camera": "pan_left", "image": "a.png"}, ""),
    ("aimlapi", "kling-1.0", {"camera": "zoom=3"}, "zoom=3"),
    ("aimlapi", "kling-1.0", {"camera": "down_back"}, "down_back"),
    ("aimlapi", "kling-1.0", {"camera": "down_back", "image": "a.png"}, "down_back"),
    ("aimlapi", "kling-1.0", {"camera": "pan_left", "image": "a.png", "last_image": "b.png"}, ""),
    ("fal", "kling-1.0", {"camera": "roll=1.5"}, "roll=1.5"),
    ("fal", "kling-1.5", {"camera": "forward_up", "resolution": "1080p"}, ""),
    ("acedata", "kling-1.0", {"camera": "right_turn_forward"}, "right_turn_forward"),
    ("acedata", "kling-3.0", {"camera": "pan=2"}, "pan=2"),
    ("acedata", "kling-3.0", {"camera": "pan_left", "resolution": "4k"}, ""),
]


@pytest.mark.parametrize(("provider", "model", "arguments", "move"), MOVES)
def test_a_move_goes_into_its_field_where_there_is_one_and_into_words_elsewhere(
    provider: str, model: str, arguments: dict[str, Any], move: str
) -> None:
    plan = at(provider, prompt="x", model=model, **arguments)
    assert isinstance(plan.spec, VideoSpec)
    assert (plan.spec.camera, plan.spec.prompt == "x") == (move, bool(move))
    assert any(("own field" if move else "in words") in note for note in plan.notes)


def test_a_figure_is_told_as_what_it_does_on_klings_own_axes() -> None:
    notes = at("piapi", prompt="x", model="kling-1.6", camera="pan=-5").notes
    assert "camera pan=-5 is set in its own field: in Kling's words the camera turns down." in notes


@keeps("nothing-impossible")
def test_a_figure_without_a_field_is_refused_with_the_move_by_name() -> None:
    for route in (KEY, PAIR):
        told = sentence("create_video", {}, route, prompt="x", camera="pan=5")
        assert "takes no figures for the camera" in told
        assert "camera=tilt_up, said in words, would work" in told
    assert "beside a last frame" in why_not(
        "aimlapi", prompt="x", model="kling-1.0", image="a.png", last_image="b.png", camera="pan=5"
    )
    assert "at 1080p only" in why_not("aimlapi", prompt="x", model="kling-1.6", camera="pan=5")
    assert at("aimlapi", prompt="x", camera="pan=5", resolution="1080p").model == "kling-2.1-master"


@pytest.mark.parametrize(("provider", "model"), [("aimlapi", "kling-1.5"), ("fal", "kling-1.0")])
def test_masks_go_along_with_their_paths_and_the_origin_is_told(provider: str, model: str) -> None:
    plan = at(provider, {"a.png": picture(), "moves.png": picture(640, 360)}, **BRUSHED, model=model)
    assert [(i.role, i.text, i.path) for i in plan.inputs] == [
        ("first_frame", "a.png", ()),
        ("moving_mask", "moves.png", ((10, 20), (300, 40))),
        ("still_mask", "stays.png", ()),
    ]
    assert any("from its bottom left corner" in note for note in plan.notes)


def test_who_has_a_motion_brush_and_figures_is_as_the_refusals_say() -> None:
    def sellers(has: Any) -> set[str]:
        return {
            name
            for name in NAMES
            for model in shipped(name).model
            for offer in model.offer
            if isinstance(offer, VideoOffer) and has(offer)
        }

    assert sellers(lambda offer: offer.motion_brush_resolutions) == {"aimlapi", "fal"}
    assert sellers(lambda offer: offer.camera) == {"piapi", "aimlapi", "fal", "acedata"}


#: Arguments beside the masks, what is known of the pictures, and the words of the refusal at fal.
HINDRANCES: list[tuple[dict[str, Any], dict[str, Source], str]] = [
    ({"model": "kling-3.0"}, {}, "no motion brush (older models from a picture have one, at aimlapi and fal)"),
    ({"model": "kling-1.5"}, {}, "at 1080p only"),
    ({"seconds": 10}, {}, "makes 5 s with a motion brush, not 10 s"),
    ({"last_image": "b.png"}, {}, "no last frame beside a motion brush"),
    ({"camera": "pan=5"}, {}, "figure"),
    ({"audio": True}, {}, "makes no sound"),
    ({}, {"a.png": picture(), "stays.png": picture(500, 500)}, "mask 2 is 500x500 px and the picture 1280x720"),
    ({}, {"a.png": picture(290, 290)}, "path 1 leads to [300, 40], outside of the picture of 290x290 px"),
    ({}, {"moves.png": Source(kind="image", format="WebP")}, "goes as it is, and has to be JPEG or PNG"),
    ({}, {"a.png": Source(kind="image", format="jpeg", size=10_000_001)}, "at most 10 MB"),
]


@pytest.mark.parametrize(("arguments", "sources", "words"), HINDRANCES)
@keeps("nothing-impossible")
def test_a_brush_that_cannot_be_had_is_refused_before_anything_is_sent(
    arguments: dict[str, Any], sources: dict[str, Source], words: str
) -> None:
    told = why_not("fal", sources, **{"model": "kling-1.0", **BRUSHED, **arguments})
    assert words in told


@pytest.mark.parametrize("provider", [*sorted(set(NAMES) - {"aimlapi", "fal"}), "kling"])
def test_everybody_else_refuses_a_brush_and_names_who_has_one(provider: str) -> None:
    told = sentence("create_video", **BRUSHED) if provider == "kling" else why_not(provider, **BRUSHED)
    assert "no motion brush (older models from a picture have one, at aimlapi and fal)" in told


def test_a_named_move_beside_a_brush_is_said_in_words() -> None:
    plan = at("aimlapi", **BRUSHED, model="kling-1.0", camera="zoom_in")
    assert isinstance(plan.spec, VideoSpec)
    assert (plan.spec.camera, plan.spec.prompt) == ("", "x. The camera slowly zooms in.")


@pytest.mark.parametrize(
    ("strokes", "words"),
    [
        ([{"mask": f"{n}.png", "path": PATH} for n in range(7)], "at most 6 masks with a path, not 7"),
        ([{"mask": f"{n}.png"} for n in range(8)], "at most 7 items"),
        ([{"mask": "a.png"}, {"mask": "b.png"}], "one mask without a path"),
        ([{"mask": "a.png", "path": [[1, 2]]}], "2 to 77 points, not 1"),
        ([{"mask": "a.png", "path": [[1, 2]] * 78}], "2 to 77 points, not 78"),
        ([{"mask": "a.png", "path": [[1, 2], [3]]}], "a point is [x, y]"),
        ([{"mask": "a.png", "path": [[1, 2], [-3, 4]]}], "a point is [x, y]"),
        ([{"mask": "a.png", "path": [[1, 2], [3, 10**30]]}], "a point is [x, y]"),
        ([{"mask": "a.png", "path": [[1, 2], [True, 4]]}], "integer"),
        ([{"mask": "a.png", "path": [[1, 2], [3.5, 4]]}], "integer"),
        ([{"mask": "", "path": PATH}], "at least 1 character"),
        ([{"mask": "a.png", "points": PATH}], "not permitted"),
    ],
)
def test_strokes_that_no_brush_makes_are_refused_at_once(strokes: list[Any], words: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        CreateVideo(prompt="x", image="a.png", motion_brush=strokes)
    assert words in str(wrong.value)


def test_a_brush_needs_the_picture_that_it_is_painted_over() -> None:
    with pytest.raises(ValidationError, match="motion_brush needs image"):
        CreateVideo(prompt="x", motion_brush=STROKES)


def test_masks_are_media_like_others_and_belong_to_the_first_shot() -> None:
    request = CreateVideo.model_validate({**BRUSHED, "prompt": "", "shots": [{"prompt": "x", "seconds": 5}] * 2})
    assert [text for _, text, _ in request.named_media()] == ["a.png", "moves.png", "stays.png"]
    moved = request.with_media({"moves.png": "/in/moves.png"})
    assert [text for _, text, _ in moved.named_media()] == ["a.png", "/in/moves.png", "stays.png"]
    assert request.with_media({}) is request
    assert [len(shot.motion_brush) for shot in shot_requests(request, {}, ["k1", "k2"])] == [2, 0]


def a_dance(provider: str, **arguments: Any) -> Plan | str:
    """Return what a reseller would do with a motion of its own, or why not."""
    catalog, route = Catalog.read("", "", provider), Route(provider, (provider,))
    wish: dict[str, Any] = {"image": "a.png", "video": "preset:nezha", **arguments}
    error = refused("transfer_motion", {}, route, catalog, **wish)
    return error.sentence() if error else planned("transfer_motion", {}, route, catalog, **wish)


def test_a_ready_motion_is_asked_for_by_its_name_and_has_no_known_price() -> None:
    plan = a_dance("piapi", resolution="1080p", follow="image")
    assert isinstance(plan, Plan)
    assert plan.spec == PresetMotionSpec(name="Nezha", resolution="1080p", follow="image", audio="original")
    assert ([i.name for i in plan.inputs], plan.price.basis, plan.words) == (["image"], "unknown", "Nezha")
    assert list(TransferMotion(image="a.png", video="preset:nezha").named_media()) == [("image", "a.png", "image")]


@pytest.mark.parametrize(
    ("provider", "arguments", "words"),
    [
        ("fal", {}, "has no ready motions (piapi has some)"),
        ("aimlapi", {}, "has no ready motions (piapi has some)"),
        ("piapi", {"video": "preset:tango"}, "it has Cute Baby Dance, Nezha"),
        ("piapi", {"video": "preset:"}, "it has Cute Baby Dance, Nezha"),
        ("piapi", {"element": "element:7"}, "no element"),
    ],
)
@keeps("nothing-impossible")
def test_a_motion_that_nobody_has_ready_is_refused(provider: str, arguments: dict[str, Any], words: str) -> None:
    told = a_dance(provider, **arguments)
    assert isinstance(told, str)
    assert words in told
    assert "no ready motions" in sentence("transfer_motion", image="a.png", video="preset:nezha")
