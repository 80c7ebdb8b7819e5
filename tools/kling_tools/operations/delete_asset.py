"""delete_asset: an end to a voice or element of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_tools.model.errors import InvalidArguments, quoted
from kling_tools.model.requests import DeleteAsset
from kling_tools.operations.answers import DeletedFacts
from kling_tools.operations.operation import Answer, Operation, Report

if TYPE_CHECKING:
    from kling_tools.studio import Studio


async def run(studio: Studio, request: DeleteAsset, report: Report) -> Answer:
    """Ask the provider to delete it; the files made with it stay."""
    account = studio.account(request.provider)
    asset_id = request.id.removeprefix("element:").strip()
    if studio.caller and await account.journal.made(asset_id) is None:
        raise InvalidArguments(
            f"None of your tasks made {quoted(request.id, 60)}.", advice="list_library shows what you made."
        )
    await account.client.desk.delete(request.kind, asset_id)
    return Answer(
        DeletedFacts(kind=request.kind, id=request.id, provider=account.route.provider, simulated=account.simulated)
    )


DELETE_ASSET = Operation(
    name="delete_asset",
    title="Delete an asset",
    description="Delete one of your voices or elements at Kling, for good. Ask the person first. Free.",
    toolset="library",
    effect="changes",
    request=DeleteAsset,
    facts=DeletedFacts,
    run=run,
    destroys=True,
)
