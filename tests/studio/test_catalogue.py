"""A catalogue of the person's own: a model nobody shipped is bought with it, and a bad one is told by who needs it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.promises import keeps
from tests.scenarios.simulated import simulating
from tests.studio.open import FastClock, a_studio, answer, ask, finished, refused

from kling_tools.model.errors import BadSettings, InvalidArguments
from kling_tools.model.plan import Route
from kling_tools.settings import Settings
from kling_tools.studio import Studio

pytestmark = pytest.mark.anyio

README = Path(__file__).parents[2] / "README.md"
NEW_MODEL = """
[[model]]
id = "kling-9.9"
name = "Kling 9.9"
names = { standard = "kling-9.9" }
auto_rank = 0
good_for = "what nobody has seen yet"

[[model.offer]]
product = "text-to-video"
seconds = [3, 4, 5, 6]
resolutions = ["720p"]
aspect_ratios = ["16:9"]
audio = "optional"
audio_resolutions = []
multi_shot = true
prompt_max = { standard = 3072 }

[[price]]
model = "kling-9.9"
feature = "silent"
resolution = "720p"
units = "0.6"
per = "second"
"""


def own(folder: Path, text: str) -> str:
    """Write a catalogue; return its path."""
    path = folder / "own.toml"
    path.write_text(text, "utf-8")
    return str(path)


@keeps("within-budget")
async def test_a_model_nobody_shipped_is_listed_priced_bought_and_kept(tmp_path: Path) -> None:
    async with simulating(tmp_path, models={"kling-9.9": "kling-3.0"}, speed=1000.0) as kling:
        env = kling.env(KLING_CATALOG=own(tmp_path, NEW_MODEL))
        async with Studio.open(Settings.from_env(env), FastClock()) as studio:
            listed = await ask(studio, "list_models", tool="create_video", resolution="720p")
            assert listed.auto == "kling-9.9"
            wish = {"prompt": "a paper boat", "seconds": 3}
            (quote,) = (await ask(studio, "estimate_cost", tool="create_video", arguments=wish)).quotes
            assert (quote.model, quote.cost.usd, quote.cost.basis) == ("kling-9.9", "0.252", "exact")
            made = await ask(studio, "create_video", **wish)
            assert made.model == "kling-9.9"
            done = await finished(studio, made.task_id)
            assert (done.status, done.error) == ("succeeded", None)
            assert Path(done.outputs[0].path).is_file()
        assert [task["external_id"] for task in await kling.tasks()] == [made.task_id]


BAD = {
    "no TOML": ("[[model", "is no TOML"),
    "a strange table": ("[money]\nall = 1", '"money"'),
    "half a model": ('[[model]]\nid = "kling-9.9"', "kling-9.9"),
    "a price of nothing": ('[[price]]\nmodel = "kling-3.0"\nfeature = "silent"\nper = "second"', "units or usd"),
    "a price of nobody's": (
        '[[price]]\nmodel = "sora"\nfeature = "silent"\nunits = "1"\nper = "second"',
        "sora",
    ),
}


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD)
@keeps("nothing-impossible")
async def test_a_bad_catalogue_is_named_by_every_tool_that_needs_it_and_never_at_the_start(
    tmp_path: Path, text: str, words: str
) -> None:
    place = own(tmp_path, text)
    async with a_studio(tmp_path, KLING_CATALOG=place) as studio:
        wish = {"prompt": "a fox"}
        for tool, arguments in (
            ("create_video", wish),
            ("list_models", {}),
            ("estimate_cost", {"tool": "create_video", "arguments": wish}),
        ):
            error = await refused(studio, BadSettings, place, "KLING_CATALOG", words, by=tool, **arguments)
            assert error.code == "bad_settings"
        assert (await ask(studio, "list_tasks")).total == 0
        assert (await ask(studio, "get_account")).packs


@pytest.mark.parametrize("place", ["none.toml", "."])
async def test_a_catalogue_that_cannot_be_read_is_named(tmp_path: Path, place: str) -> None:
    async with a_studio(tmp_path, KLING_CATALOG=str(tmp_path / place)) as studio:
        await refused(studio, BadSettings, "KLING_CATALOG", "cannot be read")


async def test_the_example_of_the_readme_works_as_it_stands(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", README.read_text("utf-8"), re.S)
    async with a_studio(tmp_path) as studio:
        await refused(studio, InvalidArguments, "switched off", "KLING_CATALOG", model="kling-4.0")
    async with a_studio(tmp_path, KLING_CATALOG=own(tmp_path, example)) as studio:
        (corrected,) = (await ask(studio, "list_models", model="kling-2.6")).models
        assert corrected.prices["silent 720p"] == "$0.035 per second"
        catalog = await studio.catalog()
        switched_on = await answer(
            studio, "estimate_cost", tool="create_video", arguments={"prompt": "x", "model": "kling-4.0", "audio": True}
        )
        (quote,) = switched_on.facts.quotes
        assert (quote.model, quote.cost.usd) == ("kling-4.0", "0.785")
        assert "kling-4.0" not in {m.id for m in catalog.tables.model if not m.enabled}
        assert Route("kling", ("standard", "legacy")).standards[0] in catalog.find_model("kling-4.0").names
