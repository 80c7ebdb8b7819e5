"""A callback is believed in nothing: it leads to a look, or is refused; it never changes a task by itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path

import pytest
from tests.jobs.house import NO_FILES, House, a_house
from tests.promises import keeps
from tests.studio.open import ask, studio_of

from kling_tools.model.errors import CallbackRefused
from kling_tools.model.status import Status

pytestmark = pytest.mark.anyio

SECRET = "whsec_" + base64.b64encode(b"a secret of the person's").decode()
WRONG = "whsec_" + base64.b64encode(b"another one altogether..").decode()


def about(task_id: str, status: str = "succeed") -> bytes:
    """Return what Kling posts."""
    return json.dumps({"task_id": "x1", "task_status": status, "task_info": {"external_task_id": task_id}}).encode()


def signature(secret: str, body: bytes, now: float, webhook_id: str = "msg-1") -> dict[str, str]:
    """Return the headers of a signed callback."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{webhook_id}.{int(now)}.".encode() + body
    mark = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {"webhook-id": webhook_id, "webhook-timestamp": str(int(now)), "webhook-signature": f"v1,{mark}"}


async def looks(house: House) -> int:
    """Return how often the provider was asked about tasks."""
    return len([*await house.calls("query"), *await house.calls("list")])


async def test_an_unsigned_hint_leads_to_a_look_and_changes_nothing_itself(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES) as house:
        studio = studio_of(house)
        made = await ask(studio, "create_video", prompt="x", seconds=3)
        await house.beat(1)
        before, standing = await looks(house), (await house.task(made.task_id)).status
        assert await studio.callback("sandbox", {}, about(made.task_id, "failed")) is False
        await house.beat()
        assert await looks(house) == before + 1
        assert (await house.task(made.task_id)).status in {standing, Status.PROCESSING}


@keeps("nothing-twice")
async def test_a_signature_that_is_wrong_or_used_before_is_refused(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES) as house:
        studio = studio_of(house, KLING_WEBHOOK_SECRET=SECRET)
        made = await ask(studio, "create_video", prompt="x", seconds=3)
        body, now = about(made.task_id), house.clock.now()
        with pytest.raises(CallbackRefused, match="KLING_WEBHOOK_SECRET"):
            await studio.callback("sandbox", signature(WRONG, body, now), body)
        with pytest.raises(CallbackRefused, match="clock"):
            await studio.callback("sandbox", signature(SECRET, body, now - 3600), body)
        assert await studio.callback("sandbox", signature(SECRET, body, now), body) is True
        with pytest.raises(CallbackRefused, match="before"):
            await studio.callback("sandbox", signature(SECRET, body, now), body)
        # It may come unsigned too: older products are not known to sign.
        assert await studio.callback("sandbox", {}, body) is False


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"task_id": {"a": 1}}', b"\xff\xfe", b'{"task_id": "' + b"x" * 300 + b'"}']
)
async def test_what_is_no_callback_is_refused(tmp_path: Path, body: bytes) -> None:
    async with a_house(tmp_path) as house:
        with pytest.raises(CallbackRefused):
            await studio_of(house).callback("sandbox", {}, body)


async def test_a_hint_about_nobodys_task_is_no_news(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        assert await studio_of(house).callback("sandbox", {}, about("k000000000000")) is False
        await house.beat(1)
        assert await looks(house) == 0
