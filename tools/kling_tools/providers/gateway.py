"""What the gateways share: one question for each task, refusals by HTTP status, words that are not known yet.

A gateway is a reseller of Kling's models with an API of its own. None can be asked for a task by an id of ours, so
nothing here ever finds one; what differs from one to the next is in its own file (gateways 0, 9).
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from kling_tools.model import errors
from kling_tools.model.camera import MOST, PRESETS, axes, moved
from kling_tools.model.errors import Impossible, KlingError, ProviderBroken, ProviderRefused, quoted
from kling_tools.model.media import Medium
from kling_tools.model.mentions import replaced
from kling_tools.model.plan import Order, Standard
from kling_tools.model.specs import Reference
from kling_tools.model.tasks import Charge, Observation, Remote, RemoteOutput
from kling_tools.providers.dialect import Bare, Page, Traits, WireAnswer, WireCall
from kling_tools.providers.reading import RemoteStatus, text
from kling_tools.providers.reasons import MODERATED, READ_CHARACTERS, failure_reason

#: The request may have been taken all the same: a time-out, a conflict, a client that seemed gone.
_OPEN = frozenset({408, 409, 425, 499})
#: What a status means where the gateway's own words say no more.
_REFUSALS: Mapping[int, type[ProviderRefused]] = {
    401: errors.Unauthorised,
    402: errors.NoBalance,
    403: errors.NoPermission,
    404: errors.NotFound,
    429: errors.TooManyRequests,
}


class GatewayDialect(Bare):
    """The part of a gateway's dialect that is alike everywhere. `name` is its API standard, `title` for people."""

    name: ClassVar[str]
    title: ClassVar[str]
    traits = Traits(finds=False, files=(), together=4)
    lists: tuple[str, ...] = ()

    @property
    def standards(self) -> tuple[Standard, ...]:
        """Its own, the only one."""
        return (self.name,)

    def look(self, remote: Remote) -> WireCall:
        """Encode the question where one task stands."""
        raise NotImplementedError

    def looks(self, remotes: Sequence[Remote]) -> list[WireCall]:
        """Encode one question for each task."""
        return [self.look(remote) for remote in remotes]

    def seen(self, call: WireCall, answer: WireAnswer) -> list[Observation]:
        """Read the answer to a question; none where there is no such task."""
        raise NotImplementedError

    def page(self, call: WireCall, answer: WireAnswer) -> Page:
        """Read the answer to a question as the only page."""
        return Page(tuple(self.seen(call, answer)))

    def find(self, external_id: str, product: str) -> WireCall:
        """Refuse: it does not know our ids.

        Raises:
            Impossible
        """
        raise Impossible(f"{self.title} cannot be asked for a task by an id of ours.")

    def listing(
        self, product: str = "", *, active: bool = False, start: float | None = None, end: float | None = None
    ) -> WireCall:
        """Refuse: it has no list of tasks.

        Raises:
            Impossible
        """
        raise Impossible(f"{self.title} has no list of tasks.")

    # --- reading ----------------------------------------------------------------------------------------------------

    def opened(self, answer: WireAnswer) -> Mapping[str, Any]:
        """Return the answer's JSON object, whatever its status.

        Raises:
            ProviderRefused: no JSON, and a status that says no. ProviderBroken: no JSON.
        """
        try:
            body = json.loads(answer.body)
        except (ValueError, RecursionError):
            body = None
        if isinstance(body, dict):
            return body
        if 400 <= answer.status < 500:
            raise self.refused(answer.status, "", "")
        raise ProviderBroken(f"The answer of {self.title} (HTTP {answer.status}) is no JSON object.")

    def refused(self, status: int, message: str, code: str) -> KlingError:
        """Return the error for a no: `status` is HTTP's or the body's own, `message` and `code` the gateway's words."""
        told = f": {quoted(message)}" if message else ""
        named = f", {quoted(code, 40)}" if code else ""
        facts = f"({self.title}, {status}{named}){told}."
        if status in _OPEN or status >= 500 or status < 400:
            kind = errors.UnderMaintenance if status == 503 else ProviderBroken
            return kind(f"{self.title} reports a fault {facts}")
        if MODERATED.search(message[:READ_CHARACTERS]):
            return errors.Moderated(f"Its content rules blocked the request {facts}", http_status=status)
        error = _REFUSALS.get(status, errors.NotAccepted)
        advice = f"Look at the account at {self.title}." if error in {errors.NoBalance, errors.NoPermission} else ""
        if error is errors.NotFound:  # Kling's own advice is about its regions and its thirty days
            advice = f"Check the id; {self.title} may no longer have it."
        advice = advice or ("Change what it names, then try again." if error is errors.NotAccepted else "")
        return error(f"{(error.__doc__ or '').strip().rstrip('.')} {facts}", advice=advice, http_status=status)

    def observed(
        self,
        remote: Remote,
        status: RemoteStatus,
        *,
        external_id: str = "",
        reason: object = "",
        outputs: Sequence[RemoteOutput] = (),
        charge: Charge | None = None,
        simulated: bool = False,
        doubtful: bool = False,
        called_off: bool = False,
        gone: bool = False,
    ) -> Observation:
        """Return a look in our words; what is about a failure is told only of one, and `gone` of a result."""
        told = text(reason) if status == "failed" else ""
        cause, advice = failure_reason(told) if told else ("", "")
        return Observation(
            remote=remote,
            external_id=external_id,
            status=status,
            reason=quoted(told) if told else "",
            cause=cause,
            advice=advice,
            doubtful=doubtful and status == "failed",
            called_off=called_off and status == "failed",
            gone=gone and status == "succeeded" and not outputs,
            outputs=tuple(outputs) if status == "succeeded" else (),
            charge=charge,
            simulated=simulated,
        )

    def identity(self, value: object) -> str:
        """Return a task's id, an open string.

        Raises:
            ProviderBroken: there is none.
        """
        if found := text(value):
            return found
        raise ProviderBroken(f"{self.title}'s answer names no task.")

    # --- saying -----------------------------------------------------------------------------------------------------

    def address(self, medium: Medium | None) -> str:
        """Return where a medium is; empty where there is none.

        Raises:
            Impossible: it is a file that nobody has taken up.
        """
        if medium is None:
            return ""
        if medium.url:
            return medium.url
        raise Impossible(f"{self.title} takes media by address only.")

    def mine(self, medium: Medium | None) -> str:
        """Return the gateway's own name of a medium that it made itself.

        Raises:
            Impossible: it made no such thing.
        """
        if medium is not None and medium.remote_id:
            return medium.remote_id
        raise Impossible(f"{self.title} does this only with what it made itself.")


def status_of(word: object, words: Mapping[str, RemoteStatus]) -> RemoteStatus:
    """Return where a task stands, letters of any size; a word that is not known is no end (gateways 0.1)."""
    return words.get(text(word).strip().lower(), "processing")


def said(prompt: str, references: Sequence[Reference], marks: Mapping[str, str]) -> str:
    """Return a prompt with the gateway's own names for `@1`, `@2`: `marks` by kind, such as image="@image_{}"."""
    seen: Counter[str] = Counter()
    names: list[str | None] = []
    for reference in references:
        seen[reference.kind] += 1
        mark = marks.get(reference.kind)
        names.append(mark.format(seen[reference.kind]) if mark else None)
    return replaced(
        prompt, reference=lambda n: names[n - 1] if 1 <= n <= len(names) else None, voice=lambda n: f"<<<voice_{n}>>>"
    )


def filled(**fields: object) -> dict[str, Any]:
    """Return the fields that are told."""
    return {name: value for name, value in fields.items() if value not in (None, "", [])}


def camera_object(camera: str, most: int = MOST) -> dict[str, Any]:
    """Return a camera's move as Kling's own object: a type, and for one along an axis figures of at most `most`."""
    if camera in PRESETS:
        return {"type": camera}
    return {"type": "simple", "config": axes(camera, most)}


def camera_fields(camera: str) -> dict[str, Any]:
    """Return a camera's move as those say it who have a field for each of the two kinds."""
    if (found := moved(camera)) is None:
        return {"camera_control": camera}
    return {"advanced_camera_control": {"movement_type": found[0], "movement_value": found[1]}}


def words_of(order: Order) -> str:
    """Return the order's own prompt, empty where its kind of work has none."""
    return getattr(order.plan.spec, "prompt", "")


def file_name(medium: Medium) -> str:
    """Return a name for a file that goes up: nothing of the person's, an ending that fits."""
    endings = {
        "image/jpeg": "jpg",
        "audio/mpeg": "mp3",
        "audio/mp4": "m4a",
        "audio/wav": "wav",
        "video/quicktime": "mov",
    }
    ending = endings.get(medium.mime) or medium.mime.rpartition("/")[2] or "bin"
    return f"{(medium.sha256 or hashlib.sha256(medium.data or b'').hexdigest())[:24]}.{ending}"


def as_data(medium: Medium) -> str:
    """Return a file as an address that holds it."""
    return f"data:{medium.mime};base64,{b64encode(medium.data or b'').decode('ascii')}"


def multipart(fields: Mapping[str, str], name: str, medium: Medium) -> tuple[bytes, str]:
    """Return a form with a file in it as a body, and its type; `name` is the file's field."""
    data = medium.data or b""
    border = f"kling-mcp-{hashlib.sha256(data).hexdigest()[:32]}"
    parts = [
        f'--{border}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items()
    ]
    head = f'--{border}\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name(medium)}"\r\n'
    parts += [f"{head}Content-Type: {medium.mime}\r\n\r\n".encode(), data, f"\r\n--{border}--\r\n".encode()]
    return b"".join(parts), f"multipart/form-data; boundary={border}"


def mark_of(place: str, asked: object) -> str:
    """Return the mark of what is asked for at a place: the same for the same fields, however they are written.

    A field that says nothing is as good as none, and 5 is 5.0. What is nested too deeply to be ours has no mark.
    """
    try:
        told = json.dumps(_plain(asked), sort_keys=True, separators=(",", ":"))
    except RecursionError:
        return ""
    return f"{place} {hashlib.sha256(told.encode()).hexdigest()[:32]}"


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items() if v is not None and v not in ("", [], {})}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def ring_secret(callback_url: str) -> str:
    """Return the word that a provider is asked to repeat in its callbacks: it follows from their secret address."""
    address = callback_url.partition("?")[0]
    return hashlib.sha256(f"secret of {address}".encode()).hexdigest()[:32] if address else ""
