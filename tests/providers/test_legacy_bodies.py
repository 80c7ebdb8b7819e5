"""Every legacy product's body, whole: a field too many is ignored and billed (kling-official 0.2, 4 - 6)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.providers.values import BASE64, CLIP, EXTERNAL_ID, LINK, PICTURE, SOUND, an_order, body_of

from kling_tools.model.errors import BadMedia, Impossible, InvalidArguments, Refused
from kling_tools.model.media import Medium
from kling_tools.model.plan import Order
from kling_tools.model.specs import (
    AvatarSpec,
    EffectSpec,
    ElementSpec,
    ImageSpec,
    MotionSpec,
    Reference,
    Shot,
    SoundSpec,
    VoiceSpec,
)
from kling_tools.providers.kling.legacy import PRODUCTS, Legacy

DIALECT = Legacy()
OWN_ID = {"external_task_id": EXTERNAL_ID}
CLEAN = {"watermark_info": {"enabled": False}}
URL = "https://example.com/last.png"
FILM_URL = "https://example.com/clip.mp4"
DEEP = Reference(kind="element", element="123456789012345678")
ELEMENTS = {"element_list": [{"element_id": 123456789012345678}]}
LOOK = Reference(kind="image")
FILM = Reference(kind="video")
V3: dict[str, Any] = {"wire_model": "kling-v3"}
FRAMES: dict[str, Any] = {**V3, "product": "image-to-video"}
OMNI: dict[str, Any] = {"wire_model": "kling-v3-omni", "product": "omni-video"}
SHOTS = (Shot(prompt="a boat; far off", seconds=3), Shot(prompt="@1 waves", seconds=2))
HERON = {"prompt": "a heron lands on a pond"}
ONE_SHOT = {"mode": "std", "duration": "5", "sound": "off", "multi_shot": False, **OWN_ID, **CLEAN}
MADE_HERE = Medium(kind="video", url=FILM_URL, remote_id="vid-9", seconds=5.0)
MOTION = MotionSpec(prompt="@1 dances", resolution="1080p", follow="image", audio="off", elements=(DEEP.element,))
AVATAR = AvatarSpec(prompt="", resolution="1080p", speech=None)
ELEMENT = ElementSpec(name="Deep", description="a diver", voice="v-7", tags=("character", "o_108"))
POND = ImageSpec(product="image", prompt="a pond", resolution="2k", aspect_ratio="3:2", count=2)

BODIES: dict[str, tuple[Order, str, dict[str, Any]]] = {
    "words": (
        an_order(**V3),
        "/v1/videos/text2video",
        {"model_name": "kling-v3", **HERON, **ONE_SHOT, "aspect_ratio": "9:16"},
    ),
    "words for an old model": (
        an_order(wire_model="kling-v2-5-turbo", audio="none", multi_shot=None, negative_prompt="rain", cfg_scale=0.0),
        "/v1/videos/text2video",
        {
            "model_name": "kling-v2-5-turbo",
            **HERON,
            "negative_prompt": "rain",
            "cfg_scale": 0.0,
            "mode": "std",
            "duration": "5",
            "aspect_ratio": "9:16",
            **OWN_ID,
            **CLEAN,
        },
    ),
    "words with a voice": (
        an_order(
            wire_model="kling-v2-6",
            resolution="1080p",
            audio="native",
            multi_shot=None,
            voices=("v-1",),
            prompt="@voice1 sings",
        ),
        "/v1/videos/text2video",
        {
            "model_name": "kling-v2-6",
            "prompt": "<<<voice_1>>> sings",
            "mode": "pro",
            "duration": "5",
            "sound": "on",
            "aspect_ratio": "9:16",
            "voice_list": [{"voice_id": "v-1"}],
            **OWN_ID,
            **CLEAN,
        },
    ),
    "frames": (
        an_order(("first_frame", PICTURE), ("last_frame", LINK), **FRAMES, references=(DEEP,), prompt="@1 turns"),
        "/v1/videos/image2video",
        {
            "model_name": "kling-v3",
            "prompt": "<<<element_1>>> turns",
            "image": BASE64,
            "image_tail": URL,
            **ELEMENTS,
            **ONE_SHOT,
        },
    ),
    "shots": (
        an_order(("first_frame", LINK), **FRAMES, prompt="", shots=SHOTS, multi_shot=True, references=(DEEP,)),
        "/v1/videos/image2video",
        {
            "model_name": "kling-v3",
            "prompt": "a boat; far off",
            "image": URL,
            **ELEMENTS,
            **ONE_SHOT,
            "multi_shot": True,
            "shot_type": "customize",
            "multi_prompt": [
                {"index": 1, "prompt": "a boat; far off", "duration": "3"},
                {"index": 2, "prompt": "<<<element_1>>> waves", "duration": "2"},
            ],
        },
    ),
    "a story in several shots": (
        an_order(**V3, multi_shot=True),
        "/v1/videos/text2video",
        {
            "model_name": "kling-v3",
            **HERON,
            **ONE_SHOT,
            "aspect_ratio": "9:16",
            "multi_shot": True,
            "shot_type": "intelligence",
        },
    ),
    "omni with frames before its references": (
        an_order(
            ("first_frame", PICTURE),
            ("reference", LINK),
            ("reference", CLIP),
            ("reference", PICTURE),
            **OMNI,
            prompt="@1, @2 as in @3; @4",
            references=(LOOK, DEEP, FILM, LOOK),
            multi_shot=True,
        ),
        "/v1/videos/omni-video",
        {
            "model_name": "kling-v3-omni",
            "prompt": "<<<image_2>>>, <<<element_1>>> as in <<<video_1>>>; <<<image_3>>>",
            "image_list": [
                {"image_url": BASE64, "type": "first_frame"},
                {"image_url": URL},
                {"image_url": BASE64},
            ],
            "video_list": [{"video_url": FILM_URL, "refer_type": "feature", "keep_original_sound": "no"}],
            **ELEMENTS,
            **ONE_SHOT,
            "aspect_ratio": "9:16",
            "multi_shot": True,
            "shot_type": "intelligence",
        },
    ),
    "omni between two frames": (
        an_order(("first_frame", PICTURE), ("last_frame", LINK), **OMNI),
        "/v1/videos/omni-video",
        {
            "model_name": "kling-v3-omni",
            **HERON,
            "image_list": [
                {"image_url": BASE64, "type": "first_frame"},
                {"image_url": URL, "type": "end_frame"},
            ],
            **ONE_SHOT,
            "aspect_ratio": "9:16",
        },
    ),
    "an edit": (
        an_order(
            ("base_video", CLIP),
            ("reference", LINK),
            wire_model="kling-video-o1",
            product="omni-video",
            prompt="put @1 in",
            references=(LOOK,),
            seconds=None,
            aspect_ratio=None,
            audio="original",
            multi_shot=None,
        ),
        "/v1/videos/omni-video",
        {
            "model_name": "kling-video-o1",
            "prompt": "put <<<image_1>>> in",
            "image_list": [{"image_url": URL}],
            "video_list": [{"video_url": FILM_URL, "refer_type": "base", "keep_original_sound": "yes"}],
            "mode": "std",
            "sound": "off",
            **OWN_ID,
            **CLEAN,
        },
    ),
    "omni from words alone": (
        an_order(**OMNI, aspect_ratio=None, audio="native", resolution="4k"),
        "/v1/videos/omni-video",
        {
            "model_name": "kling-v3-omni",
            **HERON,
            **ONE_SHOT,
            "mode": "4k",
            "sound": "on",
            "aspect_ratio": "16:9",
        },
    ),
    "motion": (
        an_order(("image", PICTURE), ("video", CLIP), spec=MOTION, wire_model="kling-v3"),
        "/v1/videos/motion-control",
        {
            "model_name": "kling-v3",
            "image_url": BASE64,
            "video_url": FILM_URL,
            "character_orientation": "image",
            "mode": "pro",
            "keep_original_sound": "no",
            "prompt": "<<<element_1>>> dances",
            **ELEMENTS,
            **OWN_ID,
            **CLEAN,
        },
    ),
    "an effect on one": (
        an_order(("image", PICTURE), spec=EffectSpec(scene="dj_pet")),
        "/v1/videos/effects",
        {"effect_scene": "dj_pet", "input": {"image": BASE64}, **OWN_ID},
    ),
    "an effect on two": (
        an_order(("image", PICTURE), ("image", LINK), spec=EffectSpec(scene="hug_pro")),
        "/v1/videos/effects",
        {"effect_scene": "hug_pro", "input": {"images": [BASE64, URL]}, **OWN_ID},
    ),
    "an avatar": (
        an_order(("image", PICTURE), ("audio", SOUND), spec=AVATAR),
        "/v1/videos/avatar/image2video",
        {"image": BASE64, "sound_file": "SUQzLWJ5dGVz", "mode": "pro", **OWN_ID, **CLEAN},
    ),
    "a sound from words": (
        an_order(spec=SoundSpec(product="sound-from-text", prompt="rain", seconds=4.25)),
        "/v1/audio/text-to-audio",
        {"prompt": "rain", "duration": 4.2, **OWN_ID},
    ),
    "sound for a video": (
        an_order(("video", CLIP), spec=SoundSpec(product="sound-from-video", prompt="steps", music="piano")),
        "/v1/audio/video-to-audio",
        {
            "video_url": FILM_URL,
            "sound_effect_prompt": "steps",
            "bgm_prompt": "piano",
            "asmr_mode": False,
            **OWN_ID,
        },
    ),
    "sound for a video of ours": (
        an_order(("video", MADE_HERE), spec=SoundSpec(product="sound-from-video", prompt="", close_up=True)),
        "/v1/audio/video-to-audio",
        {"video_id": "vid-9", "asmr_mode": True, **OWN_ID},
    ),
    "a picture": (
        an_order(spec=POND, wire_model="kling-v3"),
        "/v1/images/generations",
        {
            "model_name": "kling-v3",
            "prompt": "a pond",
            "n": 2,
            "resolution": "2k",
            "aspect_ratio": "3:2",
            **OWN_ID,
            **CLEAN,
        },
    ),
    "a picture of somebody": (
        an_order(
            ("reference", PICTURE),
            spec=ImageSpec(
                product="image",
                prompt="@1 in a garden, by @2",
                references=(LOOK, DEEP),
                likeness="subject",
                image_fidelity=0.5,
                human_fidelity=0.0,
            ),
            wire_model="kling-v2-1",
        ),
        "/v1/images/generations",
        {
            "model_name": "kling-v2-1",
            "prompt": "image 1 in a garden, by element 1",
            "n": 1,
            "image": BASE64,
            "image_reference": "subject",
            "image_fidelity": 0.5,
            "human_fidelity": 0.0,
            **ELEMENTS,
            **OWN_ID,
            **CLEAN,
        },
    ),
    "omni pictures": (
        an_order(
            ("reference", PICTURE),
            ("reference", LINK),
            spec=ImageSpec(
                product="omni-image",
                prompt="@2 wears @1 and @3",
                references=(LOOK, DEEP, LOOK),
                count=3,
                aspect_ratio="auto",
                resolution="4k",
            ),
            wire_model="kling-v3-omni",
        ),
        "/v1/images/omni-image",
        {
            "model_name": "kling-v3-omni",
            "prompt": "<<<element_1>>> wears <<<image_1>>> and <<<image_2>>>",
            "image_list": [{"image": BASE64}, {"image": URL}],
            **ELEMENTS,
            "resolution": "4k",
            "result_type": "single",
            "n": 3,
            "aspect_ratio": "auto",
            **OWN_ID,
        },
    ),
    "a series": (
        an_order(spec=ImageSpec(product="omni-image", prompt="a story", series="auto"), wire_model="kling-v3-omni"),
        "/v1/images/omni-image",
        {
            "model_name": "kling-v3-omni",
            "prompt": "a story",
            "result_type": "series",
            "series_amount": "auto",
            **OWN_ID,
        },
    ),
    "a picture of several": (
        an_order(
            ("scene", LINK),
            ("reference", PICTURE),
            ("reference", LINK),
            ("style", PICTURE),
            spec=ImageSpec(product="multi-image", prompt="@1 meets @2", references=(LOOK, LOOK), aspect_ratio="1:1"),
            wire_model="kling-v2-1",
        ),
        "/v1/images/multi-image2image",
        {
            "model_name": "kling-v2-1",
            "subject_image_list": [{"subject_image": BASE64}, {"subject_image": URL}],
            "scene_image": URL,
            "style_image": BASE64,
            "prompt": "image 1 meets image 2",
            "n": 1,
            "aspect_ratio": "1:1",
            **OWN_ID,
        },
    ),
    "more around a picture": (
        an_order(("image", PICTURE), spec=ImageSpec(product="outpaint", expand=(0, 0.5, 0.25, 0.5), count=2)),
        "/v1/images/editing/expand",
        {
            "image": BASE64,
            "up_expansion_ratio": 0.0,
            "down_expansion_ratio": 0.5,
            "left_expansion_ratio": 0.25,
            "right_expansion_ratio": 0.5,
            "n": 2,
            **OWN_ID,
            **CLEAN,
        },
    ),
    "a garment": (
        an_order(
            ("image", PICTURE),
            ("garment", LINK),
            spec=ImageSpec(product="try-on"),
            wire_model="kolors-virtual-try-on-v1-5",
        ),
        "/v1/images/kolors-virtual-try-on",
        {"model_name": "kolors-virtual-try-on-v1-5", "human_image": BASE64, "cloth_image": URL, **OWN_ID},
    ),
    "other views": (
        an_order(("image", PICTURE), spec=ImageSpec(product="views")),
        "/v1/general/ai-multi-shot",
        {"element_frontal_image": BASE64, **OWN_ID},
    ),
    "cutouts": (
        an_order(("image", LINK), spec=ImageSpec(product="cutouts")),
        "/v1/videos/image-recognize",
        {"image": URL},
    ),
    "an element from pictures": (
        an_order(("image", PICTURE), ("image", LINK), spec=ELEMENT),
        "/v1/general/advanced-custom-elements",
        {
            "element_name": "Deep",
            "element_description": "a diver",
            "reference_type": "image_refer",
            "element_image_list": {"frontal_image": BASE64, "refer_images": [{"image_url": URL}]},
            "element_voice_id": "v-7",
            "tag_list": [{"tag_id": "o_102"}, {"tag_id": "o_108"}],
            **OWN_ID,
        },
    ),
    "an element from a video": (
        an_order(("video", MADE_HERE), spec=ElementSpec(name="Deep", description="a diver")),
        "/v1/general/advanced-custom-elements",
        {
            "element_name": "Deep",
            "element_description": "a diver",
            "reference_type": "video_refer",
            "element_video_list": {"refer_videos": [{"video_url": FILM_URL}]},
            **OWN_ID,
        },
    ),
    "a voice from a sample": (
        an_order(("audio", Medium(kind="audio", url="https://example.com/a.mp3")), spec=VoiceSpec(name="Ann")),
        "/v1/general/custom-voices",
        {"voice_name": "Ann", "voice_url": "https://example.com/a.mp3", **OWN_ID},
    ),
    "a voice from a video of ours, by its address": (
        an_order(("video", MADE_HERE), spec=VoiceSpec(name="Ann")),
        "/v1/general/custom-voices",
        {"voice_name": "Ann", "voice_url": FILM_URL, **OWN_ID},
    ),
    "a voice from a video of ours that has no address": (
        an_order(("video", Medium(kind="video", remote_id="vid-9")), spec=VoiceSpec(name="Ann")),
        "/v1/general/custom-voices",
        {"voice_name": "Ann", "video_id": "vid-9", **OWN_ID},
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_has_these_fields_and_no_other(name: str) -> None:
    order, path, body = BODIES[name]
    call = DIALECT.create(order)
    assert (call.method, call.path, call.product) == ("POST", path, path)
    assert body_of(call) == body
    assert DIALECT.product(order.plan) == path


def test_every_product_is_in_the_table_of_bodies() -> None:
    paths = {path for _, path, _ in BODIES.values()} | {"/v1/audio/tts", "/v1/videos/advanced-lip-sync"}
    assert paths == {path for path, _ in PRODUCTS.values()}


@pytest.mark.parametrize(("resolution", "mode"), [("720p", "std"), ("1080p", "pro"), ("4k", "4k")])
def test_a_resolution_is_a_mode(resolution: str, mode: str) -> None:
    assert body_of(DIALECT.create(an_order(**V3, resolution=resolution)))["mode"] == mode


@pytest.mark.parametrize(
    ("move", "axis", "amount"),
    [
        ("zoom_in", "zoom", -5),
        ("pan_left", "tilt", -5),
        ("tilt_up", "pan", 5),
        ("truck_right", "horizontal", 5),
        ("pedestal_down", "vertical", -5),
        ("roll_right", "roll", 5),
    ],
)
def test_a_camera_move_is_one_number_that_is_not_zero(move: str, axis: str, amount: int) -> None:
    control = body_of(DIALECT.create(an_order(**V3, camera=move)))["camera_control"]
    assert control["type"] == "simple"
    assert len(control["config"]) == 6
    assert {name: value for name, value in control["config"].items() if value} == {axis: amount}


def test_a_move_along_two_axes_is_a_type_of_its_own() -> None:
    control = body_of(DIALECT.create(an_order(**V3, camera="forward_up")))["camera_control"]
    assert control == {"type": "forward_up"}


CANNOT_BE_SAID: dict[str, Order] = {
    "a resolution": an_order(**V3, resolution="8k"),
    "a camera move": an_order(**V3, camera="orbit_left"),
    "a motion brush": an_order(("first_frame", LINK), ("moving_mask", LINK), **FRAMES),
    "references beside words": an_order(**V3, references=(DEEP,)),
    "a picture as reference without omni": an_order(
        ("first_frame", LINK), ("reference", LINK), **FRAMES, references=(LOOK,)
    ),
    "shots for one shot": an_order(**V3, shots=SHOTS),
    "shots beside a reference video": an_order(
        ("reference", CLIP), **OMNI, references=(FILM,), shots=SHOTS, multi_shot=True
    ),
    "sound to keep without a video": an_order(**V3, audio="original"),
    "a negative prompt for omni": an_order(**OMNI, negative_prompt="rain"),
    "cfg_scale for omni": an_order(**OMNI, cfg_scale=0.5),
    "a voice for omni": an_order(**OMNI, voices=("v-1",)),
    "an effect on nobody": an_order(spec=EffectSpec(scene="dj_pet")),
    "two pictures for one": an_order(
        ("reference", LINK), ("reference", LINK), spec=ImageSpec(product="image", prompt="x", references=(LOOK, LOOK))
    ),
    "a negative prompt beside a picture": an_order(
        ("reference", LINK), spec=ImageSpec(product="image", prompt="x", negative_prompt="y", references=(LOOK,))
    ),
    "a negative prompt for omni pictures": an_order(
        spec=ImageSpec(product="omni-image", prompt="x", negative_prompt="y")
    ),
    "an element among several": an_order(spec=ImageSpec(product="multi-image", references=(DEEP,))),
    "outpainting without sides": an_order(("image", LINK), spec=ImageSpec(product="outpaint")),
    "a sound without a length": an_order(spec=SoundSpec(product="sound-from-text", prompt="rain")),
}


@pytest.mark.parametrize("name", CANNOT_BE_SAID)
def test_what_has_no_field_is_refused_and_never_dropped(name: str) -> None:
    with pytest.raises(Impossible) as caught:
        DIALECT.create(CANNOT_BE_SAID[name])
    assert caught.value.spent == "no"


NOT_ON_THE_WIRE: dict[str, Order] = {
    "no first frame": an_order(**FRAMES),
    "a last frame alone": an_order(("last_frame", LINK), **OMNI),
    "a video as a file": an_order(("base_video", Medium(kind="video", data=b"mp4")), **OMNI),
    "a reference that is not there": an_order(**OMNI, references=(LOOK,)),
    "motion without a video": an_order(("image", LINK), spec=MOTION),
    "a video that is an id, where only an address is taken": an_order(
        ("image", LINK), ("video", Medium(kind="video", remote_id="vid-9")), spec=MOTION
    ),
    "sound for a video that is a file": an_order(
        ("video", Medium(kind="video", data=b"mp4")), spec=SoundSpec(product="sound-from-video", prompt="")
    ),
    "a voice sample that is a file": an_order(("audio", SOUND), spec=VoiceSpec(name="Ann")),
    "speech with a sample's id": an_order(
        ("audio", Medium(kind="audio", remote_id="aud-1")), spec=VoiceSpec(name="Ann")
    ),
    "an avatar without sound": an_order(("image", LINK), spec=AVATAR),
    "an element of one picture": an_order(("image", LINK), spec=ELEMENT),
    "an element of nothing": an_order(spec=ELEMENT),
    "nobody to try on": an_order(("garment", LINK), spec=ImageSpec(product="try-on")),
}


@pytest.mark.parametrize("name", NOT_ON_THE_WIRE)
def test_a_medium_that_is_missing_or_cannot_travel_is_refused_before_anything_is_sent(name: str) -> None:
    with pytest.raises(BadMedia):
        DIALECT.create(NOT_ON_THE_WIRE[name])


@pytest.mark.parametrize("element", ["", "Deep", "12 34", "-1", "١٢", "9" * 400])
def test_an_element_id_that_is_no_number_is_named(element: str) -> None:
    with pytest.raises(InvalidArguments):
        DIALECT.create(an_order(**OMNI, references=(Reference(kind="element", element=element),)))


def test_every_refusal_is_one_of_ours_before_sending() -> None:
    for order in (*CANNOT_BE_SAID.values(), *NOT_ON_THE_WIRE.values()):
        with pytest.raises(Refused):
            DIALECT.create(order)
