"""What a request is understood as: notes say what was decided, and a slip of the agent's is no purchase."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.jobs.house import a_house
from tests.promises import keeps
from tests.studio.open import a_picture, ask, refused, studio_of

from kling_mcp.replies import tell
from kling_tools.model.errors import Impossible

pytestmark = pytest.mark.anyio


async def test_a_camera_move_is_said_in_words_and_the_answer_says_so(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        made = await ask(studio_of(house), "create_video", prompt="a fox runs", camera="orbit_left")
        assert "Note: The camera move orbit_left is written into the prompt in words." in tell(made)
        (call,) = await house.calls("create")
        assert "a fox runs. The camera circles the subject to the left." in str(call["body"])


@keeps("nothing-impossible")
async def test_a_reference_that_is_not_there_is_refused_with_how_many_there_are(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        picture = a_picture(tmp_path, "p.jpg", 640, 640)
        for prompt in ("@9 runs", "@1 and @9 run"):
            await refused(studio, Impossible, "@9 names no reference: there are 1", prompt=prompt, references=[picture])
        assert await house.sent() == []
        assert (await ask(studio, "create_video", prompt="@1 runs", references=[picture])).model == "kling-3.0-omni"


async def test_a_negative_prompt_goes_to_the_older_api_also_with_an_api_key_and_the_answer_says_so(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        studio = studio_of(house)
        made = await ask(studio, "create_video", prompt="a street", negative_prompt="people")
        assert "Note: Bought through the older API, which has a negative prompt." in tell(made)
        plain = await ask(studio, "create_video", prompt="a street")
        assert not any("older API" in note for note in plain.notes)
        older, newer = await house.calls("create")
        assert (older["path"], older["body"]["negative_prompt"]) == ("/v1/videos/text2video", "people")
        assert newer["path"] == "/text-to-video/kling-3.0"


NOBODY_DOES = {
    "seven shots": ({"shots": [{"prompt": "a", "seconds": 2}] * 7}, "at most 6 shots at once, not 7"),
    "a voice where there is none": ({"prompt": "x", "voices": ["1"], "model": "kling-3.0"}, "takes no voices"),
    "a field of the past": ({"prompt": "x", "cfg_scale": 0.5}, "has no cfg_scale"),
    "eight references": ({"prompt": "x", "references": [f"element:{n}" for n in range(8)]}, "at most 7 elements"),
}


@pytest.mark.parametrize(("wish", "words"), NOBODY_DOES.values(), ids=NOBODY_DOES)
@keeps("nothing-impossible")
async def test_what_no_model_does_is_refused_by_name(tmp_path: Path, wish: dict[str, Any], words: str) -> None:
    async with a_house(tmp_path) as house:
        await refused(studio_of(house), Impossible, words, **{"prompt": "", **wish})
        assert await house.sent() == []
