"""The capability map that agents read: filtered, small, and with every detail where a model is named."""

from __future__ import annotations

from typing import Any

import pytest
from tests.catalog.asking import CATALOG

from kling_tools.catalog.catalog import Catalog
from kling_tools.model.errors import Impossible, InvalidArguments
from kling_tools.model.requests import ListModels
from kling_tools.operations.answers import ModelFacts, ModelsFacts
from kling_tools.operations.capabilities import capability_map


def told(**wanted: Any) -> ModelsFacts:
    """Return the map for a wish."""
    return capability_map(CATALOG, ListModels(**wanted))


def one(model: str) -> ModelFacts:
    """Return one model of the whole map."""
    return next(m for m in told().models if m.model == model)


def test_models_are_told_with_limits_and_prices() -> None:
    facts = told()
    assert (facts.auto, facts.checked) == ("kling-3.0", "2026-09-20")
    assert {m.model for m in facts.models} == {m.id for m in CATALOG.models}
    assert facts.off == ["kling-4.0", "kling-4.0-flash", "kling-image-4.0"]
    three, older, turbo = one("kling-3.0"), one("kling-2.6"), one("kling-3.0-turbo")
    assert three.tools == ["create_video", "extend_video", "transfer_motion"]
    assert three.prices["audio 720p"] == "$0.126 per second"
    assert three.prices["motion 1080p"] == "$0.168 per second"
    assert (three.seconds, three.resolutions, three.references) == ("3-15", ["720p", "1080p", "4k"], "3 elements")
    assert (older.audio, older.last_image, older.references) == ("optional at 1080p", ["1080p"], "2 voices")
    assert (turbo.needs, turbo.last_image, turbo.audio, older.needs) == ("KLING_API_KEY", [], "always", "")
    assert one("kling-o1").audio == "none"
    assert one("kling-3.0-omni").references == "7 pictures or elements, 1 video"
    assert one("kling-3.0-omni").tools == ["create_video", "edit_video"]
    assert one("kling-image-2.1").prices["several"] == "$0.056 per picture"
    assert one("kling-lip-sync").prices == {"use": "$0.07 per 5 s", "faces": "$0.007 per call"}
    assert one("kling-element").prices == {"use": "$0.00 per call"}
    assert one("kling-effects").prices == one("kling-try-on").prices == {}
    assert one("kling-sound").seconds == "3-10"


@pytest.mark.parametrize(
    ("wanted", "models"),
    [
        ({"model": "kling-v3"}, {"kling-3.0"}),
        ({"model": "kling-v3", "tool": "create_image"}, {"kling-image-3.0"}),
        ({"seconds": 7, "tool": "create_video"}, {"kling-3.0", "kling-3.0-turbo", "kling-3.0-omni", "kling-o1"}),
        ({"resolution": "4k"}, {"kling-3.0", "kling-3.0-omni", "kling-image-3.0-omni"}),
        ({"audio": True}, {"kling-3.0", "kling-3.0-turbo", "kling-2.6", "kling-3.0-omni"}),
        ({"audio": False}, {"kling-3.0", "kling-2.6", "kling-2.5-turbo", "kling-3.0-omni", "kling-o1"}),
        ({"last_image": True, "resolution": "4k"}, {"kling-3.0", "kling-3.0-omni"}),
        ({"tool": "edit_video"}, {"kling-3.0-omni", "kling-o1"}),
        ({"tool": "transfer_motion"}, {"kling-3.0", "kling-2.6"}),
        ({"tool": "transfer_motion", "seconds": 25}, {"kling-3.0", "kling-2.6"}),
        ({"tool": "create_avatar", "seconds": 200}, {"kling-avatar"}),
        ({"tool": "add_sound"}, {"kling-sound"}),
        ({"tool": "create_voice"}, {"kling-voice"}),
        ({"tool": "create_element"}, {"kling-element"}),
    ],
)
def test_models_are_filtered_by_what_is_wanted(wanted: dict[str, Any], models: set[str]) -> None:
    assert {m.model for m in told(**wanted).models} == models


def test_a_wish_that_no_model_fulfils_is_refused() -> None:
    with pytest.raises(Impossible):
        told(resolution="4k", seconds=20)
    with pytest.raises(InvalidArguments, match="kling-9"):
        told(model="kling-9")
    with pytest.raises(InvalidArguments, match="check_status") as caught:
        told(tool="check_status")
    assert "create_video" in caught.value.advice


def test_scenes_and_voices_are_told_where_their_tool_is_asked_for_and_nowhere_else() -> None:
    assert (told().scenes, told().voices) == ({}, {})
    scenes = told(tool="apply_effect").scenes
    assert (len(scenes["one picture"]), len(scenes["two pictures"])) == (203, 15)
    assert told(model="kling-effects").scenes == scenes
    voices = told(tool="create_speech").voices
    assert (voices["en"][0], len(voices["en"]), len(voices["zh"])) == ("oversea_male1", 27, 34)
    assert told(tool="create_speech").auto == "kling-speech"


def test_a_named_model_is_told_with_every_detail_and_where_it_was_read() -> None:
    facts = told(model="kling-2.6").models[0]
    assert facts.details["image-to-video"]["last_frame_silent"] is True
    assert facts.details["motion-control"]["video"]["max_bytes"] == 100_000_000
    assert (facts.checked, facts.source) == ("2026-09-20", "kling.ai/document-api, kling-2.6")
    assert told(model="kling-3.0").models[0].details["text-to-video"]["seconds"] == "3-15"
    assert one("kling-2.6").details == {}
    assert "scenes" not in told(model="kling-effects").models[0].details["effects"]


def test_a_model_that_is_off_is_told_when_it_is_named() -> None:
    facts = told(model="kling-4.0").models[0]
    assert facts.off
    assert facts.prices["audio 1080p"] == "$0.235 per second"
    assert "not Kling's own pages" in facts.source
    assert not any(m.off for m in told().models)


def test_a_file_of_the_persons_own_shows_in_the_map() -> None:
    text = '[[model]]\nid = "kling-4.0"\nenabled = true\nnames = { standard = "kling-4.0" }\n'
    facts = capability_map(Catalog.read(text, "own.toml"), ListModels(seconds=30))
    assert "kling-4.0" in {m.model for m in facts.models}
    assert facts.off == []


def test_the_map_stays_small() -> None:
    assert len(told().model_dump_json()) < 11_000
    assert len(told(tool="create_video").model_dump_json()) < 4_500
    assert all(len(told(model=m.id).model_dump_json()) < 9_000 for m in CATALOG.tables.model)
