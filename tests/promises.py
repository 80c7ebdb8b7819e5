"""What the house promises, as data, and the tie between a promise and the tests that hold it to its word.

`@keeps("nothing-lost")` stands over a test; `test_promises.py` reads the ties from the source, both ways, so that no
promise is without a test and no test claims one that was never made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])


@dataclass(frozen=True, kw_only=True)
class Promise:
    """One thing we promise people; `limits` says precisely what is not kept yet."""

    id: str
    number: int
    words: str
    limits: str = ""


PROMISES = (
    Promise(
        id="nothing-lost",
        number=1,
        words="A task whose id was told is found again after any death of the process, and is brought to its end.",
        limits="Tested with abandoned processes and real SIGKILLs on one machine; never with a power cut.",
    ),
    Promise(
        id="nothing-twice",
        number=2,
        words="One wish buys one result: crashes, repeated calls, broken wires and several processes add none.",
        limits=(
            "Rests on the provider refusing a known external id (seen once, for text to video), or on its accepting "
            "nothing later than 120 s after the wire broke. Speech, faces and cut-outs are answered at once and carry "
            "no id of ours: where such an answer is lost nothing is sent again, and what it cost stays unknown. "
            "A medium given by address is known by its address."
        ),
    ),
    Promise(
        id="within-budget",
        number=3,
        words="What is held and spent on a day never passes the person's limits, whoever asks at the same moment.",
        limits=(
            "The worst case known beforehand is held; a provider that charges more than its own list can pass "
            "a limit, and the excess then counts against the day. Replicas share a database and a time zone."
        ),
    ),
    Promise(
        id="nothing-impossible",
        number=4,
        words="What the rules show to be refused or silently changed is refused here first, with what would work.",
        limits=(
            "Media given by address are judged by their first bytes, and where the provider is on this machine not at "
            "all. Effect scenes and voices that the catalogue does not know are let through."
        ),
    ),
    Promise(
        id="result-kept",
        number=5,
        words="A finished result comes to the disk while its address lives, as a whole file or under no name at all.",
        limits="Only while some process of ours runs within the 30 days that the provider keeps a result.",
    ),
    Promise(
        id="no-leak",
        number=6,
        words="No secret is shown, no file outside the input roots is read, nothing written outside the output folder.",
        limits="The journal, its locks and the simulated Kling's state live in the data directory.",
    ),
    Promise(
        id="simulated-marked",
        number=7,
        words="Whatever came from the simulated Kling says so, in the journal, in answers and in file names.",
    ),
)

_IDS = frozenset(promise.id for promise in PROMISES)


def keeps(*promises: str) -> Callable[[F], F]:
    """Tie a test to the promises it checks."""
    if not promises or (unknown := [p for p in promises if p not in _IDS]):
        raise ValueError(f"no such promise: {unknown if promises else 'none named'}")

    def tie(test: F) -> F:
        test.__keeps__ = promises  # type: ignore[attr-defined]
        return test

    return tie
