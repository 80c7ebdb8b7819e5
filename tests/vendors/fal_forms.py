"""The endpoints of fal.ai with their fields and prices, as the fact sheet (section 3) has them."""

from __future__ import annotations

from typing import Any

from tests.vendors.fields import (
    CAMERA_MOVES,
    Field,
    Form,
    after,
    apart_all,
    choice,
    flag,
    form,
    link,
    many,
    need,
    number,
    one_of,
    record,
    seconds,
    text,
    together,
    whole,
)
from tests.vendors.floor import UNTOLD, per_second

ANY = link(data=True)
RATIO = choice("16:9", "9:16", "1:1")
RATIO_OR_AUTO = choice("16:9", "9:16", "1:1", "auto")
FIVE_TEN = choice("5", "10")
ELEMENT = form(frontal_image_url=ANY, reference_image_urls=many(ANY, 1, 3), video_url=ANY, voice_id=text())
ELEMENTS = many(record(ELEMENT), 1, 7)
PLAIN = form(prompt=need(text(2500)), duration=FIVE_TEN, negative_prompt=text(2500), cfg_scale=number(0, 1))
WIDE = PLAIN.with_(aspect_ratio=RATIO)
FRAME = PLAIN.with_(image_url=need(ANY))
TAILED = FRAME.with_(tail_image_url=ANY)
MASKS = {
    "static_mask_url": ANY,
    "dynamic_masks": many(
        record(
            form(
                mask_url=need(ANY),
                trajectories=need(many(record(form(x=need(whole(0, 9999)), y=need(whole(0, 9999)))), 2, 77)),
            )
        ),
        1,
        6,
    ),
}


def _five_with_masks(body: Any) -> str:
    """A person who used them met `feature_not_supported` at ten seconds; the sheet tells no length."""
    masked = body.get("static_mask_url") or body.get("dynamic_masks")
    return "masks are not supported at this duration" if masked and body.get("duration", "5") != "5" else ""


MASKED = TAILED.with_(
    apart_all(("tail_image_url",), ("static_mask_url", "dynamic_masks")),
    _five_with_masks,
    **MASKS,
)
MOVES = {
    "camera_control": choice(*CAMERA_MOVES),
    "advanced_camera_control": record(
        form(
            movement_type=need(choice("horizontal", "vertical", "pan", "tilt", "roll", "zoom")),
            movement_value=need(number(-10, 10)),
        )
    ),
}
SHOTS = many(record(form(prompt=need(text()), duration=need(seconds(1, 15)))), 1, 6)
STORY: dict[str, Field] = {"prompt": text(2500), "multi_prompt": SHOTS, "duration": seconds(3, 15)}
SAYS = one_of("prompt", "multi_prompt")
SHOWN = {"shot_type": choice("customize", "intelligent"), "generate_audio": flag()}
THREE = form(SAYS, **STORY, **SHOWN, negative_prompt=text(2500), cfg_scale=number(0, 1))
O3 = form(SAYS, **STORY, **SHOWN)
MOTION = form(
    image_url=need(ANY),
    video_url=need(ANY),
    character_orientation=need(choice("image", "video")),
    keep_original_sound=flag(),
    prompt=text(2500),
)
O1_EDIT = form(
    together(4, "image_urls", "elements"),
    prompt=need(text(2500)),
    video_url=need(ANY),
    image_urls=many(ANY, 1, 4),
    elements=ELEMENTS,
    keep_audio=flag(),
)
O3_EDIT = O1_EDIT.with_(shot_type=choice("customize", "intelligent"))
AVATAR = form(image_url=need(ANY), audio_url=need(ANY), prompt=text())
#: Which endpoint takes one picture and which several is said by the vendor's own pages, not by the sheet.
PICTURE = form(
    prompt=need(text(2500)),
    num_images=whole(1, 9),
    resolution=choice("1K", "2K", "4K"),
    aspect_ratio=text(),
    elements=ELEMENTS,
)


def _pair(body: Any) -> str:
    wanted = 2 if body["effect_scene"] in ("hug", "kiss", "heart_gesture") else 1
    fits = len(body.get("input_image_urls", ())) == wanted
    return "" if fits else f"{body['effect_scene']} takes {wanted} images"


EFFECTS = form(_pair, effect_scene=need(text()), input_image_urls=many(ANY, 1, 2), duration=FIVE_TEN)


def _element_and_orientation(body: Any) -> str:
    fits = "elements" not in body or body["character_orientation"] == "video"
    return "" if fits else "elements need character_orientation video"


def _video_endpoints() -> dict[str, Form]:
    forms = {
        "v1/standard/text-to-video": WIDE.with_(**MOVES),
        "v1/standard/image-to-video": MASKED,
        "v1.5/pro/image-to-video": MASKED.with_(aspect_ratio=RATIO),
        "v1.6/pro/image-to-video": TAILED.with_(aspect_ratio=RATIO),
        "v2.1/pro/image-to-video": TAILED,
        "v2.5-turbo/pro/image-to-video": TAILED,
        "v2.6/pro/text-to-video": WIDE.with_(generate_audio=flag()),
        "v2.6/pro/image-to-video": PLAIN.without("cfg_scale").with_(
            start_image_url=need(ANY), end_image_url=ANY, generate_audio=flag(), voice_ids=many(text(), 1, 2)
        ),
        "o1/image-to-video": form(
            prompt=need(text(2500)), start_image_url=need(ANY), end_image_url=ANY, duration=seconds(3, 10)
        ),
        "o1/reference-to-video": form(
            together(7, "image_urls", "elements"),
            prompt=need(text(2500)),
            image_urls=many(ANY, 1, 7),
            elements=ELEMENTS,
            duration=seconds(3, 10),
            aspect_ratio=RATIO,
        ),
        "o1/video-to-video/edit": O1_EDIT,
        "o1/video-to-video/reference": O1_EDIT.with_(duration=seconds(3, 10), aspect_ratio=RATIO_OR_AUTO),
    }
    for name in ("v1.5/pro", "v1.6/standard", "v1.6/pro", "v2/master", "v2.1/master", "v2.5-turbo/pro"):
        forms[f"{name}/text-to-video"] = WIDE
    for name in ("v1.6/standard", "v2/master", "v2.1/standard", "v2.1/master", "v2.5-turbo/standard"):
        forms[f"{name}/image-to-video"] = FRAME
    for grade in ("standard", "pro"):
        forms[f"v1.6/{grade}/elements"] = WIDE.without("cfg_scale").with_(input_image_urls=need(many(ANY, 1, 4)))
        forms[f"v2.6/{grade}/motion-control"] = MOTION
        forms[f"v3/{grade}/motion-control"] = MOTION.with_(
            _element_and_orientation, elements=many(record(ELEMENT), 1, 1)
        )
        forms[f"v3/turbo/{grade}/text-to-video"] = form(SAYS, **STORY, aspect_ratio=RATIO)
        forms[f"v3/turbo/{grade}/image-to-video"] = form(SAYS, **STORY, image_url=need(ANY))
        forms[f"o3/{grade}/video-to-video/edit"] = O3_EDIT
        forms[f"o3/{grade}/video-to-video/reference"] = O3_EDIT.with_(
            duration=seconds(3, 15), aspect_ratio=RATIO_OR_AUTO
        )
    for grade in ("standard", "pro", "4k"):
        forms[f"v3/{grade}/text-to-video"] = THREE.with_(aspect_ratio=RATIO)
        forms[f"v3/{grade}/image-to-video"] = THREE.with_(
            start_image_url=need(ANY), end_image_url=ANY, elements=ELEMENTS
        )
        forms[f"o3/{grade}/text-to-video"] = O3.with_(aspect_ratio=RATIO)
        forms[f"o3/{grade}/image-to-video"] = O3.with_(image_url=need(ANY), end_image_url=ANY)
        forms[f"o3/{grade}/reference-to-video"] = O3.with_(
            start_image_url=ANY, end_image_url=ANY, image_urls=many(ANY, 1, 7), elements=ELEMENTS, aspect_ratio=RATIO
        )
    for name in [name for name in forms if name.startswith("o1/")]:
        forms[name.replace("o1/", "o1/standard/")] = forms[name]
    return forms


def _endpoints() -> dict[str, Form]:
    speaking = {"voice_id": need(text()), "voice_speed": number(0.8, 2)}
    forms = _video_endpoints()
    forms["lipsync/audio-to-video"] = form(video_url=need(ANY), audio_url=need(ANY))
    forms["lipsync/text-to-video"] = form(
        video_url=need(ANY), text=need(text(120)), voice_language=choice("zh", "en"), **speaking
    )
    forms["create-voice"] = form(voice_url=need(ANY))
    forms["v1/tts"] = form(text=need(text()), voice_id=text(), voice_speed=number(0.8, 2))
    forms["video-to-audio"] = form(
        video_url=need(ANY), sound_effect_prompt=text(), background_music_prompt=text(), asmr_mode=flag()
    )
    for grade in ("standard", "pro"):
        forms[f"ai-avatar/v2/{grade}"] = forms[f"v1/{grade}/ai-avatar"] = AVATAR
    for name in ("v1/standard", "v1.5/pro", "v1.6/standard", "v1.6/pro"):
        forms[f"{name}/effects"] = EFFECTS
    forms = {f"fal-ai/kling-video/{name}": rule for name, rule in forms.items()}
    several = need(many(ANY, 1, 10))
    forms["fal-ai/kling-image/o1"] = PICTURE.with_(image_urls=several)
    #: That it makes series of 2 to 9 is on its page; the names of the two fields were seen in programs of others.
    series = {"result_type": choice("single", "series"), "series_amount": whole(2, 9)}
    forms["fal-ai/kling-image/o3/text-to-image"] = PICTURE.with_(after("series_amount", "result_type"), **series)
    forms["fal-ai/kling-image/o3/image-to-image"] = PICTURE.with_(image_urls=several, **series)
    forms["fal-ai/kling-image/v3/text-to-image"] = PICTURE.with_(negative_prompt=text(2500))
    forms["fal-ai/kling-image/v3/image-to-image"] = PICTURE.with_(image_url=need(ANY))
    forms["fal-ai/kling/v1-5/kolors-virtual-try-on"] = form(human_image_url=need(ANY), garment_image_url=need(ANY))
    return forms


ENDPOINTS = _endpoints()
#: US$ a second without and with sound, by the beginning of the endpoint; the first that fits.
RATES = {
    "v3/standard/motion": (0.126, 0.126),
    "v3/pro/motion": (0.168, 0.168),
    "v3/turbo/standard": (0.112, 0.112),
    "v3/turbo/pro": (0.14, 0.14),
    "v3/standard": (0.084, 0.126),
    "v3/pro": (0.112, 0.168),
    "v3/4k": (0.42, 0.42),
    "o3/4k": (0.42, 0.42),
    "o3/standard/video": (0.126, 0.126),
    "o3/pro/video": (0.168, 0.168),
    "o3/standard": (0.084, 0.112),
    "o3/pro": (0.112, 0.14),
    "o1/video": (0.168, 0.168),
    "o1/image": (0.112, 0.112),
    "o1/reference": (0.112, 0.112),
    "v2.6/pro/text": (0.07, 0.14),
    "v2.6/pro/image": (0.07, 0.14),
    "v2.5-turbo/standard": (0.042, 0.042),
    "v2.5-turbo/pro": (0.07, 0.07),
    "ai-avatar/v2/standard": (0.0562, 0.0562),
    "ai-avatar/v2/pro": (0.115, 0.115),
    "lipsync": (0.014, 0.014),
}


def pictures_of(asked: dict[str, Any]) -> int:
    """Return how many pictures come: a series says it in a field of its own, and the other is not read."""
    series = asked.get("series_amount", 2) if asked.get("result_type") == "series" else 0
    return int(series or asked.get("num_images", 1))


def price(endpoint: str, asked: dict[str, Any]) -> float:
    """Return what a request costs in US$; sound that was not spoken of is on where the sheet says so."""
    if endpoint.endswith("try-on"):
        return 0.07
    if endpoint.startswith("fal-ai/kling-image/"):
        return float(0.028 * pictures_of(asked) * (2 if asked.get("resolution") == "4K" else 1))
    name = endpoint.removeprefix("fal-ai/kling-video/")
    rates = next((rates for start, rates in RATES.items() if name.startswith(start)), None)
    if rates is None:
        return UNTOLD
    loud = asked.get("generate_audio", name.startswith(("v2.6", "v3")))
    shots = asked.get("multi_prompt")
    length = {"duration": sum(int(shot["duration"]) for shot in shots)} if shots else asked
    return per_second(rates[loud], length)
