"""Nothing that is logged contains a secret, wherever in a record it stands."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from tests.server.acting import TASK_ID, ActingStudio, Era, an_operation, both_eras, serving, session, settings_in

from kling_mcp.logs import HIDDEN, CleanFormatter
from kling_tools.model.requests import Request
from kling_tools.operations.operation import Answer, Report
from kling_tools.studio import Studio

KEY, SECRET = "api-key-kling-12+34/5", "secret-key-of-mine"
FORMATTER = CleanFormatter((KEY, SECRET, ""))


class Wish(Request):
    """Words that only the person and the provider should read."""

    prompt: str


class Noted(BaseModel):
    """An answer that names a task."""

    task_id: str


def logged(message: str, *args: object, error: BaseException | None = None) -> str:
    """Return a record as it would be written."""
    exc_info = (type(error), error, error.__traceback__) if error else None
    return FORMATTER.format(logging.LogRecord("x", logging.INFO, __file__, 1, message, args, exc_info))


def test_secrets_are_hidden_in_messages_arguments_and_tracebacks() -> None:
    try:
        raise ValueError(f"could not sign with {SECRET}")
    except ValueError as error:
        text = logged("key %s, address %r", KEY, "https://x.test/%61?k=" + KEY.replace("+", "%2B"), error=error)
    assert KEY not in text
    assert SECRET not in text
    assert "Traceback" in text
    assert text.count(HIDDEN) >= 3


@pytest.mark.parametrize(
    "line",
    [
        "Authorization: Bearer LEAK-abc",
        "headers={'Authorization': 'Bearer LEAK-abc'}",
        "[(b'authorization', b'Bearer LEAK-abc')]",
        "authorization: Key LEAK-abc",
        "sent bearer LEAK-abc to it",
        "token eyJhbGciOiJIUzI1NiJ9.eyJMRUFLIjoxfQ.LEAK-abc",
        "GET https://cdn.test/v.mp4?auth_key=LEAK-abc&x=1",
    ],
)
def test_what_authorises_is_hidden_even_if_it_is_not_a_setting(line: str) -> None:
    assert "LEAK" not in logged(line)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_around_a_secret_lets_it_through(before: str, after: str) -> None:
    assert SECRET not in FORMATTER.clean(before + SECRET + after)


def test_ordinary_lines_stay_as_they_are() -> None:
    assert logged("task %s is processing", "k1").endswith("task k1 is processing")


@both_eras
@pytest.mark.parametrize(("level", "told"), [("INFO", False), ("DEBUG", True)])
@pytest.mark.anyio
async def test_a_call_is_logged_with_its_ids_and_its_prompt_only_where_one_debugs(
    era: Era, level: str, told: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run(studio: Studio, request: Request, report: Report) -> Answer:
        return Answer(Noted(task_id=TASK_ID))

    operation = replace(an_operation(run), request=Wish, facts=Noted)
    server = serving(ActingStudio(settings_in(tmp_path)), operations=(operation,))
    with caplog.at_level(level, logger="kling_mcp"):
        async with session(server, era) as client:
            await client.call_tool("try_it", {"prompt": "a fox that nobody may hear of"})
    lines = [FORMATTER.format(record) for record in caplog.records if record.name.startswith("kling_mcp")]
    (line,) = (line for line in lines if f"try_it task {TASK_ID}" in line)
    assert re.search(r"request \S+: try_it", line)
    assert any("a fox" in line for line in lines) is told
