"""OAuth over HTTP: what a client is told that has no token, and whose tasks one is that has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from tests.client.test_tokens import ISSUER, RESOURCE, Issuer, a_token, tokens_of
from tests.server.acting import ActingStudio, Era, both_eras, serving, settings_in
from tests.server.messages import Raw, headers, hello

from kling_mcp.web.app import web_app
from kling_mcp.web.callers import Callers
from kling_mcp.web.oauth import OAuth
from kling_tools.studio import Studio

pytestmark = pytest.mark.anyio

METADATA = "https://kling.test/.well-known/oauth-protected-resource/mcp"


class Nowhere:
    """No studio: nothing that is asked here needs one."""

    async def studio(self) -> Studio:
        """Be asked by nobody."""
        raise AssertionError


@dataclass
class Remembering(ActingStudio):
    """A studio that knows for whom it was asked."""

    callers: list[str] = field(default_factory=list)

    def for_caller(self, caller: str) -> Studio:
        """Remember the caller."""
        self.callers.append(caller)
        return self


@asynccontextmanager
async def trusting(folder: Path) -> AsyncIterator[tuple[httpx2.AsyncClient, Remembering]]:
    """Serve what trusts one issuer; yield a client and the studio behind it."""
    settings = settings_in(folder, oauth_issuer=ISSUER, oauth_resource=RESOURCE)
    callers, studio = Callers((), OAuth(tokens_of(Issuer()))), Remembering(settings)
    app = web_app(serving(studio), Nowhere(), settings, callers)
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="https://kling.test") as http,
    ):
        yield http, studio


@both_eras
async def test_without_a_token_it_is_told_where_to_get_one(era: Era, tmp_path: Path) -> None:
    async with trusting(tmp_path) as (http, _):
        for token in ({}, {"authorization": f"Bearer {a_token(aud='https://other.test')}"}):
            first = hello(era)
            answer = await http.post("/mcp", json=first, headers=headers(era, first) | token)
            assert answer.status_code == 401
            assert f'resource_metadata="{METADATA}"' in answer.headers["www-authenticate"]
        told = (await http.get(METADATA)).json()
    assert (told["resource"], told["authorization_servers"]) == (RESOURCE, [ISSUER])


@both_eras
async def test_a_token_opens_and_names_whose_tasks_they_are(era: Era, tmp_path: Path) -> None:
    async with trusting(tmp_path) as (http, studio):
        http.headers["authorization"] = f"Bearer {a_token(sub='ann')}"
        client = Raw(http, "/mcp", era)
        await client.greet()
        assert (await client.call("list_tasks"))["structuredContent"]["total"] == 0
    assert studio.callers == ["oauth:ann"]


async def test_a_subject_is_never_taken_for_a_name_of_the_settings() -> None:
    callers = Callers([("ann", "a-token-of-the-settings")], OAuth(tokens_of(Issuer())))
    named, foreign = [await callers.verify_token(t) for t in ("a-token-of-the-settings", a_token(sub="ann"))]
    assert named is not None
    assert foreign is not None
    assert (named.subject, foreign.subject) == ("ann", "oauth:ann")
    assert await callers.verify_token("a-token") is None
