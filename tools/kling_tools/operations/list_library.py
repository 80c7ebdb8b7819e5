"""list_library: the reusable voices and elements of the account, and Kling's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from kling_tools.model.requests import ListLibrary
from kling_tools.operations.answers import AssetFacts, LibraryFacts
from kling_tools.operations.operation import Answer, Operation, Report

if TYPE_CHECKING:
    from kling_tools.studio import Studio


async def run(studio: Studio, request: ListLibrary, report: Report) -> Answer:
    """Ask the provider for one page."""
    account = studio.account(request.provider)
    kind: Literal["voice", "element"] = "voice" if request.kind == "voices" else "element"
    page = await account.client.desk.assets(kind, not request.preset, request.page)
    # The account is its owner's; every other caller has in it what their own tasks made.
    shown = [a for a in page.assets if not studio.caller or not a.own or await account.journal.made(a.id)]
    return Answer(
        LibraryFacts(
            kind=request.kind,
            preset=request.preset,
            provider=account.route.provider,
            simulated=account.simulated,
            assets=[
                AssetFacts(
                    id=a.id,
                    name=a.name,
                    description=a.description,
                    own=a.own,
                    status=a.status,
                    preview=a.preview,
                    made_from=a.made_from,
                    voice=a.voice_id,
                )
                for a in shown
                if a.status != "deleted"
            ],
            next_page=request.page + 1 if page.more else None,
        )
    )


LIST_LIBRARY = Operation(
    name="list_library",
    title="List the library",
    description="Reusable voices and elements: yours, or Kling's own. Free.",
    toolset="library",
    effect="reads",
    request=ListLibrary,
    facts=LibraryFacts,
    run=run,
    asks_provider=True,
)
