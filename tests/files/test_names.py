"""Names that people read and that no system stumbles over."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.providers.values import PLAN, VIDEO

from kling_tools.files.beside import record_of
from kling_tools.files.names import MAX_BYTES, file_name, plain_name
from kling_tools.model.errors import StorageUnavailable
from kling_tools.model.status import Status
from kling_tools.model.tasks import Task

NOON = datetime(2026, 11, 22, 12).timestamp()
TASK = Task(id="k7f3abcdefgh0", plan=PLAN, status=Status.FETCHING, created=NOON, updated=NOON)


def named(prompt: str, task: Task = TASK, index: int = 1, kind: str = "video") -> str:
    return file_name(replace(task, plan=replace(PLAN, spec=replace(VIDEO, prompt=prompt))), index, kind)


def test_a_name_tells_day_words_and_task() -> None:
    assert named("Paper boat, in the rain") == "2026-11-22 Paper boat in the rain (k7f3abcdefgh0).mp4"
    assert named("x", index=2, kind="image") == "2026-11-22 x (k7f3abcdefgh0-2).png"
    assert named("雨の中の紙の船") == "2026-11-22 雨の中の紙の船 (k7f3abcdefgh0).mp4"
    assert named("../..", kind="audio") == "2026-11-22 create video (k7f3abcdefgh0).mp3"


@pytest.mark.parametrize(
    ("kind", "url", "ending"),
    [
        ("image", "https://cdn.example/a/b.JPG?x-oss=.mp4", ".jpg"),
        ("image", "https://cdn.example/a.webp#f", ".webp"),
        ("image", "https://cdn.example/a.exe", ".png"),
        ("element", "https://cdn.example/a.jpeg", ".jpeg"),
        ("audio", "https://cdn.example/a.wav", ".wav"),
        ("voice", "https://cdn.example/a.m4a", ".m4a"),
        ("voice", "", ".mp3"),
        ("audio", "https://cdn.example/..%2f.aac/", ".aac"),
        ("video", "https://cdn.example/a.mov", ".mp4"),
        ("image", "https://[bad", ".png"),
    ],
)
def test_the_address_tells_the_ending_only_where_it_fits_the_kind(kind: str, url: str, ending: str) -> None:
    assert file_name(TASK, 1, kind, url=url).endswith(f"(k7f3abcdefgh0){ending}")


def test_a_simulated_result_says_so_however_long_its_prompt() -> None:
    name = named("rain " * 500, replace(TASK, simulated=True))
    assert name.endswith("rain (simulated k7f3abcdefgh0).mp4")
    assert len(name) <= MAX_BYTES


@settings(max_examples=400)
@given(st.text(max_size=300), st.text(max_size=60), st.booleans(), st.integers(1, 9))
def test_every_name_is_safe_on_every_system(prompt: str, task_id: str, simulated: bool, index: int) -> None:
    name = named(prompt, replace(TASK, id=task_id, simulated=simulated), index)
    assert plain_name(name) == name
    assert len(name.encode()) <= MAX_BYTES
    assert name.startswith("2026-11-22 ")
    assert name.endswith(").mp4")
    assert not any(c in '<>:"/\\|?*' or unicodedata.category(c)[0] == "C" for c in name)


def test_a_record_has_the_name_of_the_file_that_it_lies_beside() -> None:
    for length in range(40, 80):  # one of them is cut just where the longer ending begins
        prompt = f"{'x' * length} and what comes then is cut"
        assert named(prompt, kind="record") == record_of(Path(named(prompt))).name


@pytest.mark.parametrize("prompt", ["❤️" * 300, "👨‍👩‍👧" * 100, "\u034f" * 50])
def test_what_nobody_could_see_is_no_word_of_a_name(prompt: str) -> None:
    assert named(prompt) == "2026-11-22 create video (k7f3abcdefgh0).mp4"
    assert named(f"{prompt} a fox {prompt}") == "2026-11-22 a fox (k7f3abcdefgh0).mp4"


PATHS = ["", ".", "..", "../a.mp4", "a/b.mp4", "a\\b.mp4", "/etc/passwd", "C:a.mp4"]
TRAPS = [".hidden", "nul", "COM1.mp4", "con .mp4", "a.", " a", "a\0b", "a\nb", "a\u202egpj.mp4", "x" * 201]


@pytest.mark.parametrize("name", [*PATHS, *TRAPS])
def test_a_name_that_could_leave_its_place_is_refused(name: str) -> None:
    with pytest.raises(StorageUnavailable):
        plain_name(name)
