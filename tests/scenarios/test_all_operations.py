"""Every operation of the official API, from the MCP tool to the file on disk; `tests/official.py` has the table."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import official

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("pair", [False, pytest.param(True, marks=pytest.mark.long)], ids=["API key", "key pair"])
async def test_every_operation_ends_with_its_kind_of_result_on_disk(tmp_path: Path, pair: bool) -> None:
    outcomes = await official.check(tmp_path, pair=pair)
    assert len(outcomes) == len(official.ROWS)
    assert [(outcome.row.name, outcome.fault) for outcome in outcomes if outcome.fault] == []


def test_the_table_names_every_path_of_the_official_catalogue_that_is_alive() -> None:
    """The paths are those of kling-official 16 that are marked ok and make something, written down a second time."""
    alive = [
        "/text-to-video/kling-3.0-turbo",
        "/image-to-video/kling-3.0-turbo",
        "/text-to-video/kling-3.0",
        "/image-to-video/kling-3.0",
        "/omni-video/kling-3.0-omni",
        "/omni-video/kling-o1",
        "/motion-control/kling-3.0",
        "/motion-control/kling-2.6",
        "/text-to-video/kling-2.6",
        "/image-to-video/kling-2.6",
        "/text-to-video/kling-2.5-turbo",
        "/image-to-video/kling-2.5-turbo",
        "/v1/videos/text2video",
        "/v1/videos/image2video",
        "/v1/videos/omni-video",
        "/v1/videos/motion-control",
        "/v1/videos/identify-face",
        "/v1/videos/advanced-lip-sync",
        "/v1/videos/avatar/image2video",
        "/v1/videos/effects",
        "/v1/videos/image-recognize",
        "/v1/audio/tts",
        "/v1/audio/text-to-audio",
        "/v1/audio/video-to-audio",
        "/v1/general/custom-voices",
        "/v1/general/advanced-custom-elements",
        "/v1/general/ai-multi-shot",
        "/v1/images/generations",
        "/v1/images/omni-image",
        "/v1/images/multi-image2image",
        "/v1/images/editing/expand",
    ]
    named = {path for row in official.ROWS for path in (row.new, row.legacy, *row.before) if path}
    assert named == set(alive)
