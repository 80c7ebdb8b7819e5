"""The addresses of the HTTP server, and what stands before each of them."""

from __future__ import annotations

import logging
from typing import Protocol
from urllib.parse import urlsplit

import anyio
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend, RequireAuthMiddleware
from mcp.server.auth.provider import TokenVerifier
from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from kling_mcp.bridge import OperationServer
from kling_mcp.callers import calling
from kling_mcp.web.limits import Turns
from kling_tools.model.errors import CallbackRefused, CallbackRepeated, KlingError
from kling_tools.settings import LOOPBACK, Settings
from kling_tools.studio import Studio

log = logging.getLogger(__name__)

#: Pictures come by path or address; what is written out is words.
MOST_BODY = 4 << 20
MOST_CALLBACK = 1 << 20
#: A callback that comes before the studio is open waits so long.
OPENING_SECONDS = 10.0


class Opened(Protocol):
    """Where the server's studio is to be had."""

    async def studio(self) -> Studio:
        """Return it, once it is open."""
        ...


def web_app(server: OperationServer, opened: Opened, settings: Settings, verifier: TokenVerifier | None) -> Starlette:
    """Return the whole as an ASGI application; its lifespan is the server's. Without a verifier all is the owner's."""
    inner = server.streamable_http_app(transport_security=names(settings), max_request_body_size=MOST_BODY)
    (protocol,) = (route for route in inner.routes if isinstance(route, Route))
    face: ASGIApp = Turns(protocol.app, settings.http_rate, calling)
    routes: list[BaseRoute] = [
        Route("/health", health, methods=["GET"]),
        Route("/callbacks/{provider}/{token}", Callbacks(opened), methods=["POST"]),
    ]
    if verifier is not None:
        metadata = None
        if settings.oauth_resource:
            resource, issuer = AnyHttpUrl(settings.oauth_resource), AnyHttpUrl(settings.oauth_issuer)
            routes += create_protected_resource_routes(resource, [issuer], resource_name="Kling")
            metadata = build_resource_metadata_url(resource)
        known = RequireAuthMiddleware(AuthContextMiddleware(face), [], metadata)
        face = AuthenticationMiddleware(known, backend=BearerAuthBackend(verifier))
    routes.append(Route("/mcp", face))
    return Starlette(routes=routes, lifespan=inner.router.lifespan_context)


def names(settings: Settings) -> TransportSecuritySettings:
    """Return under which names the server answers: a page that calls it by another was lured here."""
    public = {urlsplit(url).netloc for url in (settings.callback_url, settings.oauth_resource) if url}
    public |= set(settings.http_hosts)
    local = {f"[{host}]" if ":" in host else host for host in LOOPBACK}
    return TransportSecuritySettings(
        allowed_hosts=[*local, *(f"{host}:*" for host in local), *sorted(public)],
        allowed_origins=[
            *(f"http://{host}{port}" for host in local for port in ("", ":*")),
            *(f"{scheme}://{host}" for host in sorted(public) for scheme in ("https", "http")),
        ],
    )


async def health(_: Request) -> Response:
    """Say that the process answers, and nothing about anybody."""
    return JSONResponse({"status": "ok"})


class Callbacks:
    """Takes callbacks: a hint to look, marked at once and answered. What is wrong with one changes nothing."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await (await self._answer(request))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            with anyio.fail_after(OPENING_SECONDS):
                studio = await self._opened.studio()
        except TimeoutError:
            return _said(503, "The server is starting.")
        provider, token = request.path_params["provider"], request.path_params["token"]
        if not studio.expects(provider, token):
            return _said(404, "Nobody was told this address.")
        try:
            body = await _body(request)
            if body is None:
                return _said(413, "The callback is too large.")
            signed = await studio.callback(provider, dict(request.headers), body, request.query_params.get("task", ""))
        except CallbackRepeated:
            return _said(200, "It came before.")
        except CallbackRefused as error:
            return _said(401, error.message)
        except KlingError as error:  # a full disk, a wrong setting, a provider that cannot be asked: it may come again
            return _said(503, f"It could not be taken: {error.code}.")
        except ClientDisconnect:
            return _said(400, "It did not come whole.")
        log.info("callback: %s, %s", provider, "signed" if signed else "not signed")
        return _said(200, "It is being looked at.")


async def _body(request: Request) -> bytes | None:
    """Return what was posted, or None where it is too much."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_CALLBACK:
            return None
    return body


def _said(status: int, words: str) -> Response:
    return JSONResponse({"message": words}, status)
