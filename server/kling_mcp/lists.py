"""What a session looks through: resources page by page, what it subscribes to, and what it is offered while it types.

The SDK's own lists are fixed and whole; tasks are many, and come and go.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mcp.server import MCPServer
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import ListenHandler
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CompleteRequestParams,
    CompleteResult,
    EmptyResult,
    ListResourcesResult,
    PaginatedRequestParams,
    PromptReference,
    SubscribeRequestParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)

from kling_mcp.house import House
from kling_mcp.logs import incident
from kling_mcp.notices import Notices, check_addresses
from kling_mcp.resources import Shelf
from kling_mcp.shim import answer_also, is_modern, line_of
from kling_tools.model.errors import KlingError, quoted

log = logging.getLogger(__name__)


class Lists:
    """Answers for a server with a shelf of resources."""

    def __init__(self, server: MCPServer[House], shelf: Shelf | None, notices: Notices) -> None:
        self._server, self._shelf, self._notices = server, shelf, notices
        self._streams = ListenHandler(notices.bus)

    def attach(self) -> None:
        """Answer the server's requests from now on."""
        answer_also(self._server, "resources/list", PaginatedRequestParams, self._page)
        answer_also(self._server, "resources/subscribe", SubscribeRequestParams, self._subscribe)
        answer_also(self._server, "resources/unsubscribe", UnsubscribeRequestParams, self._unsubscribe)
        answer_also(self._server, "subscriptions/listen", SubscriptionsListenRequestParams, self._listen)
        answer_also(self._server, "completion/complete", CompleteRequestParams, self._complete)

    async def _page(self, ctx: ServerRequestContext[House, Any], params: PaginatedRequestParams) -> ListResourcesResult:
        if not is_modern(ctx.protocol_version):  # since then who wants to hear of changes says so
            self._notices.shown_the_list(line_of(ctx))
        if self._shelf is None:
            return ListResourcesResult(resources=await self._server.list_resources())
        with _told():
            tasks, cursor = await self._shelf.page(params.cursor, ctx.lifespan_context.studio)
        always = [] if params.cursor else await self._server.list_resources()
        return ListResourcesResult(resources=[*always, *tasks], next_cursor=cursor)

    async def _subscribe(self, ctx: ServerRequestContext[House, Any], params: SubscribeRequestParams) -> EmptyResult:
        self._notices.subscribe(line_of(ctx), str(params.uri))
        return EmptyResult()

    async def _unsubscribe(
        self, ctx: ServerRequestContext[House, Any], params: UnsubscribeRequestParams
    ) -> EmptyResult:
        self._notices.unsubscribe(line_of(ctx), str(params.uri))
        return EmptyResult()

    async def _listen(
        self, ctx: ServerRequestContext[House, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        check_addresses(params.notifications.resource_subscriptions or ())
        return await self._streams(ctx, params)

    async def _complete(self, ctx: ServerRequestContext[House, Any], params: CompleteRequestParams) -> CompleteResult:
        from kling_mcp.completions import complete  # these two wait until somebody types
        from kling_mcp.prompts import PROMPTS

        tool = ""
        if isinstance(params.ref, PromptReference):
            if not any(prompt.name == params.ref.name for prompt in await self._server.list_prompts()):
                raise MCPError(INVALID_PARAMS, f"There is no prompt {quoted(params.ref.name, 60)}.")
            form = PROMPTS.get(params.ref.name)
            tool = form.tool if form else ""
        with _told():
            offered = await complete(params.argument.name, params.argument.value, tool, ctx.lifespan_context.studio)
        return CompleteResult(completion=offered)


@contextmanager
def _told() -> Iterator[None]:
    """Turn what goes wrong behind a list or an offer into the protocol's words, and a fault of ours into none."""
    try:
        yield
    except MCPError:
        raise
    except KlingError as error:
        raise MCPError(INTERNAL_ERROR, f"[{error.code}] {error.sentence()}") from None
    except Exception as error:
        name = incident(log, "a list", error)
        raise MCPError(
            INTERNAL_ERROR, f"This is a fault of the server; its log has more under incident {name}."
        ) from None
