"""Everything that can go wrong, ordered by the first question a person asks: did money move?

    KlingError
    |- Refused                 nothing was sent, nothing was spent
    |   |- InvalidArguments      an unknown field, a wrong value
    |   |- Impossible            a combination no model offers
    |   |- BadMedia              a file that is missing, unreadable, too large or wrongly shaped
    |   |- OverBudget            a hard limit of the person's
    |   |- NeedsConfirmation     the person has to agree to the price first; `task` is the Task that it is for
    |   |- NotAgreed             the person was asked, and did not
    |   |- BadSettings           a credential or setting that is missing or wrong
    |   |- UnknownTask           no such task in the journal
    |   |- TaskUnreadable        its record in the journal is damaged, or of another version
    |   |- StorageUnavailable    the disk is full or not ours to write
    |   |- EncoderMissing        ffmpeg is needed and not here
    |   |- MediaFailed           a file that cannot be decoded
    |   `- CallbackRefused       a callback that is not proven to come from the provider
    |       `- CallbackRepeated    one that came before, and was taken then
    |- Unreachable             no connection was made: nothing was sent
    |- ProviderRefused         it answered no: nothing was bought
    |   |- Unauthorised          the credentials
    |   |- AccountBlocked        the account as a whole
    |   |- NoBalance             no pack or balance left for this kind of task
    |   |   `- InArrears           a bill that is not paid
    |   |- NoPermission          this API or model is not open to the account
    |   |   `- AddressNotAllowed   this machine is not on the account's list
    |   |- NotAccepted           the request itself
    |   |   |- NotFound            what it names is not there
    |   |   |- NotSupported        the model does not do that
    |   |   |- InputUnreachable    an address that the provider could not fetch
    |   |   `- InputUnreadable     a file whose base64 did not arrive whole
    |   |- AlreadyExists         our own external id is known there: the task exists
    |   |- Closed                it takes nothing at present, and says so
    |   |- Moderated             the content
    |   `- Busy                  the same request may pass later
    |       |- SlotsTaken          too many tasks at once
    |       `- TooManyRequests     too many requests in a short time
    |- ProviderBroken          a 5xx or an answer that cannot be read: whether it was accepted is open
    |   `- UnderMaintenance      it says itself that it is closed for now
    |- Unsure                  the wire broke after sending: asked about, never blindly resent
    |- AnswerLost              the same for a call that nobody can ask about: ended, never resent
    |- PartMissing             another task of ours, whose result it needs, ended without one
    |- LinkExpired             a result's address does not serve any more: the task has to name a new one
    `- TaskFailed              accepted, then failed

A class's docstring is its default message. `message` says what happened, `advice` what to do; both are in our words.
Text from upstream goes through `quoted` and is data, never an instruction.
"""

from __future__ import annotations

import unicodedata
from typing import ClassVar, Literal

Spent = Literal["no", "yes", "unknown"]

SPENT_SENTENCES: dict[Spent, str] = {
    "no": "Nothing was spent.",
    "yes": "The charge stands.",
    "unknown": "Whether anything was spent is not known yet.",
}


def one_line(text: object, limit: int = 240) -> str:
    """Return foreign text as one bounded line without control characters."""
    flat = " ".join("".join(c if unicodedata.category(c)[0] != "C" else " " for c in str(text)).split())
    return f"{flat[: limit - 1]}…" if len(flat) > limit else flat


def quoted(text: object, limit: int = 240) -> str:
    """Return foreign text as one bounded, quoted line without control characters."""
    return '"{}"'.format(one_line(text, limit).replace('"', "'"))


class KlingError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    spent: Spent = "no"
    retryable: bool = False
    advice: str = ""

    def __init__(self, message: str = "", *, advice: str = "", spent: Spent | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        if advice:
            self.advice = advice
        if spent is not None:
            self.spent = spent
        super().__init__(self.message)

    def sentence(self) -> str:
        """Return what happened, whether anything was spent, and what to do."""
        return " ".join(part for part in (self.message, SPENT_SENTENCES[self.spent], self.advice) if part)


class Refused(KlingError):
    """The request was refused before anything was sent."""

    code = "refused"


class InvalidArguments(Refused):
    """The arguments are not valid."""

    code = "invalid_arguments"


class Impossible(Refused):
    """No model offers this combination."""

    code = "impossible"


class BadMedia(Refused):
    """A file cannot be used."""

    code = "bad_media"


class OverBudget(Refused):
    """This would pass a budget."""

    code = "over_budget"


class NeedsConfirmation(Refused):
    """The price needs the person's consent."""

    code = "needs_confirmation"

    def __init__(self, message: str = "", *, advice: str = "", task: object = None) -> None:
        self.task = task
        super().__init__(message, advice=advice)


class NotAgreed(Refused):
    """The person was asked and did not agree."""

    code = "not_agreed"


class BadSettings(Refused):
    """A setting is missing or wrong."""

    code = "bad_settings"


class UnknownTask(Refused):
    """There is no such task."""

    code = "unknown_task"
    advice = "list_tasks shows the tasks there are."


class TaskUnreadable(Refused):
    """The journal's record of a task cannot be read."""

    code = "task_unreadable"
    advice = (
        "Its money stays held, and the other tasks go on. The version of kling-mcp that wrote it, or a backup of the "
        "journal, may have it whole; kling-mcp tasks reconcile shows what Kling has."
    )


class StorageUnavailable(Refused):
    """The disk cannot be written."""

    code = "storage_unavailable"


class EncoderMissing(Refused):
    """This needs ffmpeg, which was not found."""

    code = "encoder_missing"
    advice = "Install it with: pip install 'kling-mcp[media]' (or put ffmpeg on PATH, or set KLING_FFMPEG)."


class MediaFailed(Refused):
    """A media file could not be decoded."""

    code = "media_failed"


class PartMissing(KlingError):
    """Another task, whose result it needs, ended without one."""

    code = "part_missing"


class CallbackRefused(Refused):
    """A callback is not proven to come from the provider."""

    code = "callback_refused"
    advice = "It was ignored; tasks are asked about anyway. Check KLING_WEBHOOK_SECRET and this machine's clock."


class CallbackRepeated(CallbackRefused):
    """A callback came before."""

    code = "callback_repeated"
    advice = "It was taken then."


class Unreachable(KlingError):
    """The provider could not be reached; the request did not leave."""

    code = "unreachable"
    retryable = True
    advice = "Check the network and KLING_BASE_URL, then try again."


class ProviderRefused(KlingError):
    """The provider refused the request."""

    code = "provider_refused"

    def __init__(
        self,
        message: str = "",
        *,
        advice: str = "",
        provider_code: int | None = None,
        http_status: int | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message, advice=advice)
        self.provider_code = provider_code
        self.http_status = http_status
        self.request_id = request_id


class Unauthorised(ProviderRefused):
    """The provider did not accept the credentials."""

    code = "unauthorised"
    advice = "Check the keys; `kling-mcp doctor` names the cause."


class AccountBlocked(ProviderRefused):
    """The provider reports that the account is not in order."""

    code = "account_blocked"
    advice = "Look at the account in the Kling console. Trying again will not help."


class NoBalance(ProviderRefused):
    """The account has no balance or no resource pack left for this kind of task."""

    code = "no_balance"
    advice = "Buy a pack or top up in the Kling console. Trying again will not help."


class InArrears(NoBalance):
    """The account has a bill that is not paid."""

    code = "in_arrears"
    advice = "Pay in the Kling console. Trying again will not help."


class NoPermission(ProviderRefused):
    """The account may not use this API or model."""

    code = "no_permission"
    advice = "Choose another model (list_models), or ask Kling to open this one for the account."


class AddressNotAllowed(NoPermission):
    """The account's list of allowed IP addresses does not have this one."""

    code = "address_not_allowed"
    advice = "Add this machine's address in the Kling console. Trying again will not help."


class NotAccepted(ProviderRefused):
    """The provider found the request invalid."""

    code = "not_accepted"


class NotFound(NotAccepted):
    """The provider does not have what the request names."""

    code = "not_found"
    advice = "Check the id and the region: ids belong to one region, and results end after 30 days."


class NotSupported(NotAccepted):
    """The model does not do what the request asks for."""

    code = "not_supported"
    advice = "Leave out what Kling names, or choose another model (list_models)."


class InputUnreachable(NotAccepted):
    """The provider could not fetch a file from its address."""

    code = "input_unreachable"
    advice = "Use an address that opens without login and is no web page, or pass the file itself as a path."


class InputUnreadable(NotAccepted):
    """The provider could not decode a file that was sent along."""

    code = "input_unreadable"
    advice = "Save the file anew as JPEG, PNG, MP4 or MP3 and pass it as a path."


class AlreadyExists(ProviderRefused):
    """The provider already has a task with this external id."""

    code = "already_exists"


class Closed(ProviderRefused):
    """The provider takes nothing at present."""

    code = "closed"
    retryable = True
    advice = "Try again later, or with another provider."


class Moderated(ProviderRefused):
    """The provider's content rules blocked the request."""

    code = "moderated"
    advice = "Change the prompt or the picture; the same content will be blocked again."


class Busy(ProviderRefused):
    """The provider has no free slot or asks for fewer requests."""

    code = "busy"
    retryable = True
    advice = "The task waits and is sent again by itself."


class SlotsTaken(Busy):
    """Every parallel slot of the account's pack is taken."""

    code = "slots_taken"


class TooManyRequests(Busy):
    """The provider asks for fewer requests."""

    code = "too_many_requests"
    wait = 0.0  # for so many seconds, where that was said
    advice = "A task waits and is sent again by itself; anything else may be asked again in a minute."


class ProviderBroken(KlingError):
    """The provider answered with a fault of its own."""

    code = "provider_broken"
    spent = "unknown"
    retryable = True


class UnderMaintenance(ProviderBroken):
    """The provider is under maintenance."""

    code = "under_maintenance"
    advice = "Try again in an hour."


class Unsure(KlingError):
    """The connection broke after the request was sent."""

    code = "unsure"
    spent = "unknown"
    advice = "It is being looked up by its own id and is never sent twice; check_status tells. Do not create it again."


class AnswerLost(KlingError):
    """The answer to a call that cannot be looked up was lost."""

    code = "answer_lost"
    spent = "unknown"
    advice = (
        "It is not sent again by itself. get_account deductions=true shows later whether it was charged; ask the "
        "person before you call again."
    )


class LinkExpired(KlingError):
    """The address of the result does not serve the file any more."""

    code = "link_expired"
    spent = "yes"
    retryable = True
    advice = "The task is asked for a new address."


class TaskFailed(KlingError):
    """The provider accepted the task, then it failed."""

    code = "task_failed"
