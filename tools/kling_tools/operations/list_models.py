"""list_models: what each model can do and what it costs, from the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_tools.model.requests import ListModels
from kling_tools.operations.answers import ModelsFacts
from kling_tools.operations.operation import Answer, Operation, Report

if TYPE_CHECKING:
    from kling_tools.studio import Studio


async def run(studio: Studio, request: ListModels, report: Report) -> Answer:
    """Return the models that can do what is asked."""
    # Loaded here: start-up is measured, and no host waits for the catalogue.
    from kling_tools.operations.capabilities import capability_map

    return Answer(capability_map(await studio.catalog(), request))


LIST_MODELS = Operation(
    name="list_models",
    title="List models",
    description="What each Kling model can do and costs. Free.",
    toolset="jobs",
    effect="reads",
    request=ListModels,
    facts=ModelsFacts,
    run=run,
)
