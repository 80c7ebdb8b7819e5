"""Facts in the words an agent reads, with the same facts as data, links and pictures.

Every text stands alone: many hosts show the model nothing else. Prompts are the person's data and upstream messages are
strangers', so both come quoted and bounded. What a text leaves out is in the structured content.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from decimal import Decimal
from functools import singledispatch
from json import dumps
from mimetypes import guess_type
from pathlib import PurePath
from typing import Any

from mcp.types import CallToolResult, ContentBlock, ImageContent, ResourceLink, TextContent
from pydantic import BaseModel

from kling_tools.model.errors import SPENT_SENTENCES, KlingError, quoted
from kling_tools.model.money import dollars
from kling_tools.operations.answers import (
    AccountFacts,
    AssetFacts,
    CostFacts,
    DeductionFacts,
    DeletedFacts,
    EstimateFacts,
    FilmFacts,
    LibraryFacts,
    LookFacts,
    ModelFacts,
    ModelsFacts,
    OutputFacts,
    PackFacts,
    QuoteFacts,
    ShotFacts,
    SpendingFacts,
    TaskFacts,
    TasksFacts,
)
from kling_tools.operations.operation import Answer

#: More links than this would cost a model more than they tell it.
MOST_LINKS = 5
MOST_LINES = 20
PROMPT_SHOWN = 80
RUNNING = frozenset({"queued", "submitted", "processing", "unsure"})


def reply(answer: Answer, *, images: bool) -> CallToolResult:
    """Return an answer as text, data, links and, unless the person turned them off, pictures."""
    facts, text = answer.facts, tell(answer.facts)
    if isinstance(facts, LookFacts) and not images:
        text += f"\nThere is no picture: images are turned off (KLING_IMAGES=0). Open {facts.path} to see it."
    content: list[ContentBlock] = [TextContent(type="text", text=text)]
    if images:
        content += [
            ImageContent(type="image", data=b64encode(jpeg).decode(), mime_type="image/jpeg") for jpeg in answer.images
        ]
    content += links(facts)
    return CallToolResult(content=content, structured_content=facts.model_dump(mode="json", exclude_none=True))


def refusal(error: KlingError) -> CallToolResult:
    """Return an error in our words: its stable code, what happened, what was spent, what to do."""
    return failure(error.code, error.sentence())


def failure(code: str, text: str) -> CallToolResult:
    """Return an error without data: clients check data against the tool's output schema even then."""
    return CallToolResult(content=[TextContent(type="text", text=f"[{code}] {text}")], is_error=True)


@singledispatch
def tell(facts: BaseModel) -> str:
    """Return facts as short text; facts nobody has worded yet come as compact JSON."""
    return facts.model_dump_json(exclude_none=True)


@singledispatch
def links(facts: BaseModel) -> list[ResourceLink]:
    """Return what an answer points to."""
    return []


@tell.register
def _task(facts: TaskFacts) -> str:
    lines = [f"Task {facts.task_id}: {_standing(facts)}. {facts.model} on {facts.provider}, {_bill(facts.cost)}."]
    several = len(facts.outputs) > 1
    told = [_output(output, f" {n}" if several else "") for n, output in enumerate(facts.outputs, 1)]
    lines += dict.fromkeys(told)  # what is still to come is told once
    lines += [_shot(n, shot, facts) for n, shot in enumerate(facts.shots or (), 1)]
    if facts.error:
        lines.append(f"[{facts.error.code}] {facts.error.message} {SPENT_SENTENCES[facts.error.spent]}")
    lines += [f"Note: {note}" for note in facts.notes]
    return "\n".join([*lines, f"Next: {facts.next}."])


def _shot(number: int, shot: ShotFacts, film: TaskFacts) -> str:
    """Return one shot of a film as a line."""
    price = f"${shot.usd}" if shot.usd else "price unknown"
    before = [other.task_id for other in (film.shots or ())[: number - 1]]
    waits = f", waits for shot {before.index(shot.waits_for) + 1}" if shot.waits_for in before else ""
    charged = f"charged ${shot.charged_usd}" if shot.charged_usd else price
    file = f", file {shot.path}" if shot.path else ""
    error = f": {quoted(shot.error, 120)}" if shot.error else ""
    return f"Shot {number} ({shot.task_id}): {shot.status}{waits}, {shot.model}, {charged}{file}{error}"


@links.register
def _task_links(facts: TaskFacts) -> list[ResourceLink]:
    task = ResourceLink(
        type="resource_link",
        uri=facts.resource_uri,
        name=facts.task_id,
        title=f"Task {facts.task_id}",
        mime_type="application/json",
    )
    return [task, *(_file(o.uri, o.path, facts) for o in facts.outputs if o.uri and o.path)]


@tell.register
def _tasks(facts: TasksFacts) -> str:
    if not facts.tasks and not facts.unreadable:
        return "No tasks found."
    if len(facts.tasks) == facts.total == 1:
        return tell(facts.tasks[0])
    lines = [_line(task) for task in facts.tasks]
    lines += [f"{task_id}: its record cannot be read; check_status tells why." for task_id in facts.unreadable or ()]
    if facts.total > len(facts.tasks):
        total = f"more than {facts.total}" if facts.total_at_least else facts.total
        lines.insert(0, f"{len(facts.tasks)} of {total} tasks, newest first:")
    if running := [task.task_id for task in facts.tasks if task.status in RUNNING]:
        which = f"task_id={running[0]}" if len(running) == 1 else f"task_ids={dumps(running[:20])}"
        lines.append(f"Next: check_status {which} wait_seconds=45.")
    if facts.next_cursor:
        lines.append(f"More: the same call with cursor={facts.next_cursor}.")
    return "\n".join(lines)


@links.register
def _tasks_links(facts: TasksFacts) -> list[ResourceLink]:
    if len(facts.tasks) <= MOST_LINKS:
        return [link for task in facts.tasks for link in _task_links(task)]
    return [ResourceLink(type="resource_link", uri="kling://tasks", name="tasks", mime_type="application/json")]


@tell.register
def _estimate(facts: EstimateFacts) -> str:
    lines = [_quote(quote) for quote in facts.quotes]
    lines.append(f"Nothing was sent. Budget left today: {dollars(Decimal(facts.budget_left_usd))}.")
    if facts.needs_confirmation:
        lines.append("The person has to agree to this price first.")
    return "\n".join([*lines, f"Next: {facts.next}."])


@tell.register
def _models(facts: ModelsFacts) -> str:
    lines = [_model(model) for model in facts.models]
    lines += [f"Scenes of {taken}: {', '.join(names)}." for taken, names in facts.scenes.items() if names]
    lines += [f"Voices, {language}: {', '.join(names)}." for language, names in facts.voices.items() if names]
    if facts.off:
        lines.append(f"Known and switched off: {', '.join(facts.off)}; list_models model=... tells more.")
    return "\n".join([*lines, f"auto takes {facts.auto} where it can. As of {facts.checked}, {facts.source}."])


@tell.register
def _library(facts: LibraryFacts) -> str:
    whose = "Kling's own" if facts.preset else "your"
    mark = " SIMULATED." if facts.simulated else ""
    lines = [f"{whose.capitalize()} {facts.kind} at {facts.provider}:{mark}", *(_asset(a) for a in facts.assets)]
    if facts.assets:
        lines.append(_USE[facts.kind])
    else:
        lines = [f"There are no {facts.kind} here: {whose} {facts.kind} at {facts.provider}.{mark}"]
    if facts.next_page:
        lines.append(f"More: the same call with page={facts.next_page}.")
    return "\n".join(lines)


#: How an id is written where it is used.
_USE = {
    "voices": 'Use in create_video: voices=["ID"], spoken by @voice1 in the prompt.',
    "elements": 'Use in create_video: references=["element:ID"], named @1 in the prompt.',
}


def _asset(asset: AssetFacts) -> str:
    about = f": {quoted(asset.description, PROMPT_SHOWN)}" if asset.description else ""
    standing = "" if asset.status == "ready" else f" ({asset.status})"
    return f"{asset.id or '-'} {quoted(asset.name, 40)}{standing}{about}"


@tell.register
def _deleted(facts: DeletedFacts) -> str:
    mark = " (SIMULATED)" if facts.simulated else ""
    return f"The {facts.kind} {quoted(facts.id, 100)} is deleted at {facts.provider}{mark}. Nothing was spent."


@tell.register
def _account(facts: AccountFacts) -> str:
    left, day = (dollars(Decimal(usd)) for usd in (facts.budget_left_usd, facts.budget_day_usd))
    mark = ", SIMULATED" if facts.simulated else ""
    lines = [f"{facts.provider}{mark}: {left} of today's budget of {day} is left here."]
    if facts.balance:
        lines.append(f"Balance at {facts.provider}: {facts.balance}.")
    lines += [_pack(pack) for pack in facts.packs]
    if facts.packs:
        lines.append(facts.packs_lag)
    lines += [_spending(one) for one in facts.spending[:MOST_LINES]]
    lines += [_deduction(d) for d in (facts.deductions or ())[:MOST_LINES]]
    if facts.trouble:
        lines.append(f"Kling's part is missing: {facts.trouble}")
    return "\n".join(lines)


def _pack(pack: PackFacts) -> str:
    until = f", until {pack.valid_until[:10]}" if pack.valid_until else ""
    return f"Pack {quoted(pack.name, 60)}: {pack.units_left} of {pack.units_total} units left, {pack.status}{until}"


def _spending(spent: SpendingFacts) -> str:
    tasks = "1 task" if spent.tasks == 1 else f"{spent.tasks} tasks"
    return f"{spent.day} {spent.model}: {dollars(Decimal(spent.usd))}, {tasks}"


def _deduction(deduction: DeductionFacts) -> str:
    took = f"{deduction.units} units" if deduction.units else f"{deduction.amount} {deduction.currency}"
    what = quoted(f"{deduction.product} {deduction.model}", 60)
    return f"Deducted {deduction.at[:16].replace('T', ' ')}: {took} for {what}"


@tell.register
def _look(facts: LookFacts) -> str:
    from kling_mcp.looks import look_text  # nobody looks before something is made

    return look_text(facts)


@links.register
def _look_links(facts: LookFacts) -> list[ResourceLink]:
    both = [facts, *([facts.compared] if facts.compared else [])]
    return [_file(PurePath(film.path).as_uri(), film.path, film) for film in both]


def money(cost: CostFacts) -> str:
    """Return a price as people read it."""
    if cost.usd is None:
        return "price unknown"
    units = f" ({cost.units} units)" if cost.units is not None else ""
    about = "about " if cost.basis == "estimate" and cost.most_usd is None else ""
    most = f" to {dollars(Decimal(cost.most_usd))}" if cost.most_usd is not None else ""
    return f"{about}{dollars(Decimal(cost.usd))}{most}{units}"


def _bill(cost: CostFacts) -> str:
    """Return what a task will cost, or what it did cost once that is known."""
    price = money(cost) if cost.usd is None else f"price {money(cost)}"
    if cost.charged_usd is None:
        return price
    charged = f"charged {dollars(Decimal(cost.charged_usd))}"
    return charged if cost.charged_usd == cost.usd else f"{price}, {charged}"


def _standing(task: TaskFacts) -> str:
    known = " (the connection broke; whether Kling took it is being looked up)" if task.status == "unsure" else ""
    mark = ", SIMULATED (no real money, not Kling's)" if task.simulated else ""
    label = f", label {quoted(task.label, PROMPT_SHOWN)}" if task.label else ""
    return f"{task.status}{known}{mark}{label}"


def _line(task: TaskFacts) -> str:
    what = quoted(task.label or task.prompt, PROMPT_SHOWN)
    mark = ", SIMULATED" if task.simulated else ""
    when = task.created[:16].replace("T", " ")
    if task.shots:
        mark = f"{mark}, {sum(s.status == 'succeeded' for s in task.shots)} of {len(task.shots)} shots done"
    head = f"{task.task_id}: {task.status}{mark}, {when}, {task.model}, {_bill(task.cost)}, {what}"
    if paths := [output.path for output in task.outputs if output.path]:
        return f"{head}, file {' and '.join(paths)}"
    if task.error:
        return f"{head} [{task.error.code}] {quoted(task.error.message, 120)} {SPENT_SENTENCES[task.error.spent]}"
    return head


def _output(output: OutputFacts, number: str) -> str:
    """Return where a result is; a numbered one is named k...#2 elsewhere."""
    if output.path:
        named = f" ({output.kind} id {output.id})" if output.kind in {"voice", "element"} and output.id else ""
        return f"File{number}: {output.path}{named}"
    if output.kind in {"voice", "element"}:
        return f"The {output.kind} has the id {output.id}."
    return f"Finished at Kling and being fetched to this disk: {output.kind}."


def _file(uri: str, path: str, facts: TaskFacts | FilmFacts) -> ResourceLink:
    mark = "Simulated, not a Kling result" if facts.simulated else None
    return ResourceLink(
        type="resource_link", uri=uri, name=PurePath(path).name, description=mark, mime_type=guess_type(path)[0]
    )


def _quote(quote: QuoteFacts) -> str:
    mark = " (SIMULATED, costs nothing real)" if quote.simulated else ""
    if quote.cost is None:
        return f"{quote.provider}{mark}: not possible. {quote.refused}"
    notes = "".join(f" {note}" for note in quote.notes)
    price = f"for {money(quote.cost)}" if quote.cost.usd is not None else "at a price that is not known"
    return f"{quote.provider}{mark}: {quote.model} {price}.{notes}"


def _model(model: ModelFacts) -> str:
    parts = (
        "SWITCHED OFF (KLING_CATALOG switches it on)" if model.off else "",
        f"{model.seconds} s" if model.seconds else "",
        "/".join(model.resolutions),
        _SOUND.get(model.audio, f"sound {model.audio}"),
        f"last_image at {'/'.join(model.last_image)}" if model.last_image else "",
        f"takes {model.references}" if model.references else "",
        *(_prices(model.prices) or ["price not known"]),
        f"needs {model.needs}" if model.needs else "",
    )
    head = f"{model.model} ({', '.join(model.tools)}): {model.good_for}"
    lines = ["; ".join(part for part in (head, *parts) if part) + "."]
    lines += [f"- {product}: {_listed(what)}" for product, what in model.details.items()]
    return "\n".join([*lines, *([f"As of {model.checked}, {model.source}."] if model.checked else [])])


#: Words for what is no condition.
_SOUND = {"": "", "none": "no sound"}


def _prices(prices: Mapping[str, str]) -> list[str]:
    """Return `per second: $0.084 silent 720p, $0.112 silent 1080p`, one for each way of counting."""
    by_unit: dict[str, list[str]] = {}
    for way, price in prices.items():
        amount, _, unit = price.partition(" per ")
        by_unit.setdefault(unit, []).append(f"{amount} {way.removeprefix('use').strip()}".strip())
    return [f"per {unit}: {', '.join(told)}" for unit, told in by_unit.items()]


def _listed(what: Any) -> str:
    """Return data as one line of words."""
    if isinstance(what, Mapping):
        parts = [
            f"{name} ({_listed(v)})" if isinstance(v, Mapping) else f"{name} {_listed(v)}" for name, v in what.items()
        ]
        return ", ".join(parts)
    if isinstance(what, bool):
        return "yes" if what else "no"
    return "/".join(map(_listed, what)) if isinstance(what, list) else str(what)
