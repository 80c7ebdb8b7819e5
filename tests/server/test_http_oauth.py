"""OAuth over HTTP: what a client is told that has no token, and whose tasks one is that has."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from tests.client.test_tokens import ISSUER, RESOURCE, Issuer, a_token, tokens_of
from tests.server.acting import ActingStudio, serving, settings_in

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


def client(folder: Path) -> httpx2.AsyncClient:
    """Return a client of a server that trusts one issuer."""
    settings = settings_in(folder, oauth_issuer=ISSUER, oauth_resource=RESOURCE)
    callers = Callers((), OAuth(tokens_of(Issuer())))
    app = web_app(serving(ActingStudio(settings)), Nowhere(), settings, callers)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="https://kling.test")


async def test_without_a_token_it_is_told_where_to_get_one(tmp_path: Path) -> None:
    async with client(tmp_path) as http:
        for headers in ({}, {"authorization": f"Bearer {a_token(aud='https://other.test')}"}):
            answer = await http.post("/mcp", json={}, headers=headers)
            assert answer.status_code == 401
            assert f'resource_metadata="{METADATA}"' in answer.headers["www-authenticate"]
        told = (await http.get(METADATA)).json()
    assert (told["resource"], told["authorization_servers"]) == (RESOURCE, [ISSUER])


async def test_a_subject_is_never_taken_for_a_name_of_the_settings() -> None:
    callers = Callers([("ann", "a-token-of-the-settings")], OAuth(tokens_of(Issuer())))
    named, foreign = [await callers.verify_token(t) for t in ("a-token-of-the-settings", a_token(sub="ann"))]
    assert named is not None
    assert foreign is not None
    assert (named.subject, foreign.subject) == ("ann", "oauth:ann")
    assert await callers.verify_token("a-token") is None
