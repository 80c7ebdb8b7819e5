"""Resources: tasks, models and the guide read the same in both eras, and what does not exist is a proper error."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path

import pytest
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, BlobResourceContents, TextResourceContents
from tests.server.acting import TASK_ID, ActingStudio, Era, a_look, a_task, both_eras, serving, session, settings_in

from kling_mcp.app import build_server


@both_eras
@pytest.mark.anyio
async def test_every_resource_is_listed_with_words_and_can_be_read(era: Era, tmp_path: Path) -> None:
    (settings := settings_in(tmp_path)).output_dir.mkdir()
    async with session(build_server(settings), era) as client:
        listed = (await client.list_resources()).resources
        assert [resource.uri.removeprefix("kling://") for resource in listed] == [
            "tasks",
            "models",
            "prices",
            "account",
            "guide",
            "ui://kling/gallery.html",
        ]
        for resource in listed:
            assert resource.title
            assert resource.description
            (content,) = (await client.read_resource(resource.uri)).contents
            assert isinstance(content, TextResourceContents)
            assert content.mime_type == resource.mime_type
            if content.mime_type == "application/json":
                assert json.loads(content.text)


@both_eras
@pytest.mark.anyio
async def test_addresses_that_take_a_name_are_listed_with_words(era: Era, tmp_path: Path) -> None:
    async with session(serving(ActingStudio(settings_in(tmp_path))), era) as client:
        templates = (await client.list_resource_templates()).resource_templates
    assert [template.uri_template for template in templates] == [
        "kling://tasks/{task_id}",
        "kling://tasks/{task_id}/video",
        "kling://tasks/{task_id}/sheet",
        "kling://models/{model}",
    ]
    assert all(template.title and template.description for template in templates)


@both_eras
@pytest.mark.anyio
async def test_a_model_and_the_prices_are_read_as_facts(era: Era, tmp_path: Path) -> None:
    async with session(serving(ActingStudio(settings_in(tmp_path))), era) as client:
        told = [(await client.read_resource(f"kling://{name}")).contents[0] for name in ("models/kling-o1", "prices")]
    model, prices = (json.loads(content.text) for content in told if isinstance(content, TextResourceContents))
    assert (model["model"], "create_video" in model["tools"]) == ("kling-o1", True)
    assert prices["usd"]["kling-o1"] == model["prices"]
    assert prices["checked"]


@both_eras
@pytest.mark.anyio
async def test_a_task_is_read_as_facts(era: Era, tmp_path: Path) -> None:
    async with session(serving(ActingStudio(settings_in(tmp_path), journal=[a_task()])), era) as client:
        (content,) = (await client.read_resource(f"kling://tasks/{TASK_ID}")).contents
    assert isinstance(content, TextResourceContents)
    assert json.loads(content.text)["task_id"] == TASK_ID


@both_eras
@pytest.mark.anyio
async def test_a_finished_video_is_read_as_bytes(era: Era, tmp_path: Path) -> None:
    async with session(serving(ActingStudio(settings_in(tmp_path), journal=[a_task()])), era) as client:
        (content,) = (await client.read_resource(f"kling://tasks/{TASK_ID}/video")).contents
    assert isinstance(content, BlobResourceContents)
    assert (b64decode(content.blob), content.mime_type) == (b"film", "video/mp4")


@both_eras
@pytest.mark.anyio
async def test_a_finished_task_is_seen_as_a_picture(era: Era, tmp_path: Path) -> None:
    look = a_look(tmp_path / "v.mp4")
    async with session(serving(ActingStudio(settings_in(tmp_path), journal=[a_task()], look_at=look)), era) as client:
        (content,) = (await client.read_resource(f"kling://tasks/{TASK_ID}/sheet")).contents
    assert isinstance(content, BlobResourceContents)
    assert (b64decode(content.blob), content.mime_type) == (look.jpeg, "image/jpeg")


@both_eras
@pytest.mark.parametrize(
    "uri",
    [
        "kling://tasks/k000000000000/video",
        "kling://tasks/k000000000000/sheet",
        "kling://tasks/k000000000000",
        "kling://tasks/../x",
        "kling://models/kling-99",
        "kling://nothing",
        "file:///etc",
    ],
)
@pytest.mark.anyio
async def test_what_does_not_exist_is_reported_with_its_address(era: Era, uri: str, tmp_path: Path) -> None:
    async with session(serving(ActingStudio(settings_in(tmp_path))), era) as client:
        with pytest.raises(MCPError) as caught:
            await client.read_resource(uri)
    assert caught.value.error.code == INVALID_PARAMS
    assert caught.value.error.data == {"uri": uri}


@both_eras
@pytest.mark.anyio
async def test_a_fault_while_reading_is_not_shown(era: Era, tmp_path: Path) -> None:
    studio = ActingStudio(settings_in(tmp_path), fault=RuntimeError("/home/me/secret"))
    async with session(serving(studio), era) as client:
        with pytest.raises(MCPError) as caught:
            await client.read_resource("kling://tasks")
    assert "secret" not in str(caught.value)
    assert "incident" in str(caught.value)


@both_eras
@pytest.mark.anyio
async def test_the_guide_tells_the_persons_own_limits(era: Era, tmp_path: Path) -> None:
    async with session(serving(ActingStudio(settings_in(tmp_path))), era) as client:
        (content,) = (await client.read_resource("kling://guide")).contents
    assert isinstance(content, TextResourceContents)
    assert "Budget of one call: $10.00" in content.text
    assert str(tmp_path / "out") in content.text
    assert "SIMULATED" in content.text
