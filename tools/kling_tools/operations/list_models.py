"""list_models: what each model can do and what it costs, from the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kling_tools.model.requests import ListModels
from kling_tools.operations.answers import ModelsFacts
from kling_tools.operations.operation import Answer, Operation, Report

if TYPE_CHECKING:
    from kling_tools.studio import Studio

KLING: Final = "kling"
#: The simulated Kling sells what Kling does.
_SOLD = {"sandbox": KLING}


async def run(studio: Studio, request: ListModels, report: Report) -> Answer:
    """Return the models that can do what is asked."""
    # Loaded here: start-up is measured, and no host waits for the catalogue.
    from kling_tools.operations.capabilities import capability_map, in_brief, knows

    asked = request.provider if request.provider != "auto" else None
    configured = studio.providers or [KLING]
    if asked not in {None, KLING, *configured}:
        studio.account(asked or "")  # says what is missing
    catalogs = {name: await studio.catalog(_SOLD.get(name, name)) for name in ([asked] if asked else configured)}
    named = (name for name, catalog in catalogs.items() if request.model and knows(catalog, request.model))
    first = next(named, next(iter(catalogs)))
    others = {name: in_brief(catalog, request) for name, catalog in catalogs.items() if name != first}
    facts = capability_map(catalogs[first], request)
    elsewhere = {name: brief for name, brief in others.items() if brief}
    return Answer(facts.model_copy(update={"provider": first, "elsewhere": elsewhere}))


LIST_MODELS = Operation(
    name="list_models",
    title="List models",
    description="What each model can do and costs. Free.",
    toolset="jobs",
    effect="reads",
    request=ListModels,
    facts=ModelsFacts,
    run=run,
)
