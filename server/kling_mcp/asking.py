"""Asking the person before more is spent than they let pass unasked: by their host, where it can ask.

Until 2025-11-25 the server asks and the call waits; since then the call ends with the question, and the client makes it
again with the answer. Either way the answer is for one task by its id, one model and one price: what it does not cover
is asked anew, and posted twice it finds the task that it bought. A host that cannot ask is told to let its agent ask.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Literal, cast

from mcp.server.mcpserver import Context
from mcp.server.request_state import RequestStateSecurity
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult

from kling_mcp.shim import is_modern
from kling_tools.model.consent import Consent
from kling_tools.model.errors import NeedsConfirmation, NotAgreed, quoted
from kling_tools.model.requests import Request, SpendingRequest
from kling_tools.operations.operation import Answer
from kling_tools.settings import Settings

if TYPE_CHECKING:
    from kling_tools.model.tasks import Task

log = logging.getLogger(__name__)

QUESTION = "consent"
#: One field, so that a host's habit of sending forms off is not taken for a yes.
FORM: dict[str, Any] = {
    "type": "object",
    "properties": {"agree": {"type": "boolean", "title": "Buy it at this price", "default": False}},
    "required": ["agree"],
}
#: How often one call asks, in either era, where the price rises while the person thinks.
MOST_QUESTIONS = 3

Run = Callable[[Any], Awaitable[Answer]]
Reply = Literal["yes", "no", "dismissed"]


def seal(settings: Settings) -> RequestStateSecurity | None:
    """Return what seals a question, so that every replica, and this server after a restart, takes its answer.

    Made from the credentials, which nobody else has, and for one journal: another one does not know what was bought.
    Without credentials None: each process takes answers to its own questions.
    """
    credential = settings.api_key or settings.secret_key
    if not credential:
        return None
    journal = settings.database_url or settings.data_dir
    return RequestStateSecurity(
        keys=[hmac.digest(credential.encode(), f"questions {journal}".encode(), hashlib.sha256)]
    )


async def asked(context: Context[Any, Any], request: Request, run: Run) -> Answer | InputRequiredResult:
    """Run a call; where it needs the person's consent, ask for it first, if their host can.

    Raises:
        NotAgreed: they said no, or nothing. NeedsConfirmation: this host cannot ask.
        KlingError: as `run` does.
    """
    if not isinstance(request, SpendingRequest):
        return await run(request)
    request, before = _answered(context, request)
    for number in range(before, MOST_QUESTIONS):
        try:
            return await run(request)
        except NeedsConfirmation as needed:
            from kling_tools.model.tasks import Task  # loaded with the studio, not before the server greets

            task = needed.task
            if not isinstance(task, Task) or not can_ask(context):
                raise
            consent = consent_to(task)
            if is_modern(context.protocol_version):
                return _form(task, consent, number + 1)
            _judged(await _pushed(context, task, needed))
            request = request.agreed(consent)
    return await run(request)


def can_ask(context: Context[Any, Any]) -> bool:
    """Whether the client says that it can put a form before the person; said without a kind, it means that."""
    declared = context.client_capabilities
    able = declared.elicitation if declared else None
    return able is not None and (able.form is not None or able.url is None)


def consent_to(task: Task) -> Consent:
    """Return what a yes to this task would be."""
    return Consent(task.id, task.account, task.plan.model, task.plan.price.most)


def question(task: Task) -> str:
    """Return what the person is asked: the price, what for, and by what; the same for the same task."""
    plan = task.plan
    seconds = f", {plan.video_seconds:g} s of video" if plan.video_seconds else ""
    what = f": {quoted(plan.words, 160)}" if plan.words else ""
    mark = " SIMULATED: no real money is spent." if task.simulated else ""
    notes = "".join(f" {note}" for note in (*task.notes, *plan.notes))
    whose = f"{plan.model} at {plan.route.provider}"
    return f"Spend {plan.price.words()} on {plan.tool} with {whose}{seconds}{what}?{mark}{notes}"


def _form(task: Task, consent: Consent, number: int) -> InputRequiredResult:
    form = ElicitRequest(params=ElicitRequestFormParams(message=question(task), requested_schema=FORM))
    return InputRequiredResult(input_requests={QUESTION: form}, request_state=_sealable(consent, number))


def _answered(context: Context[Any, Any], request: SpendingRequest) -> tuple[SpendingRequest, int]:
    """Return the request with the answer that came with the call, if one did, and how often it has asked by now.

    The SDK has checked that the state is ours, of this tool, these arguments and this caller.
    """
    consent, asked_before = _opened(context.request_state)
    answer = (context.input_responses or {}).get(QUESTION)
    if consent is None or not isinstance(answer, ElicitResult):
        return request, asked_before
    _judged(_meant(answer))
    return request.agreed(consent), asked_before


async def _pushed(context: Context[Any, Any], task: Task, needed: NeedsConfirmation) -> Reply:
    session = context.request_context.session
    try:
        answer = await session.elicit_form(
            message=question(task), requested_schema=FORM, related_request_id=context.request_context.request_id
        )
    except MCPError as error:  # it said that it can ask, and cannot, as where a host has nobody in front of it
        log.info("the client could not ask: %s", error)
        raise needed from None
    return _meant(answer)


def _meant(answer: ElicitResult) -> Reply:
    if answer.action == "accept":
        return "yes" if (answer.content or {}).get("agree") is True else "no"
    return "no" if answer.action == "decline" else "dismissed"


def _judged(reply: Reply) -> None:
    if reply == "no":
        raise NotAgreed(
            "The person was asked about the price and said no.", advice="Do not try it again unless they want it."
        )
    if reply == "dismissed":
        raise NotAgreed(
            "The question about the price was put away without an answer.",
            advice="Tell the person the price (estimate_cost); if they agree, call again with confirm_cost=true.",
        )


def _sealable(consent: Consent, number: int) -> str:
    most = None if consent.most is None else str(consent.most)
    return json.dumps([consent.task_id, consent.account, consent.model, most, number])


def _opened(state: str | None) -> tuple[Consent | None, int]:
    """Return the consent that was asked for, and how often; nothing where the state is another's."""
    try:
        task_id, account, model, most, number = cast("list[Any]", json.loads(state or ""))
        return Consent(str(task_id), str(account), str(model), None if most is None else Decimal(most)), int(number)
    except (ValueError, TypeError, InvalidOperation):
        return None, 0
