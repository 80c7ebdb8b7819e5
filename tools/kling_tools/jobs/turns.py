"""Whose turn it is among the tasks that wait for one account's places at one model. Pure.

Tasks of different labels take turns: the n-th of one label, running or waiting, stands beside the n-th of another. Of
those side by side the one goes first whose label has had no turn for longest, or has waited longest for its first. So
whoever joins the line later joins behind, and nobody starves, however many come; and since a task counts what is older
in its own label, and a turn only what was not put back, being put back costs no place.

Unlabelled tasks are a label of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush


@dataclass(frozen=True, slots=True)
class Place:
    """A task in the line; it takes `slots` places. `under_way` is one that may be running at the provider already.

    `served` is when its label last had a turn, seconds since the epoch; 0 for never.
    """

    id: str
    label: str
    created: float
    slots: int
    under_way: bool
    served: float = 0.0


def may_go(line: Iterable[Place], places: int, taken: int) -> list[str]:
    """Return the tasks that may be sent now, in order; `taken` of the places are taken by what is under way.

    What has to wait keeps its places free: nobody behind it overtakes it. A task that takes more places than there are
    goes alone: the provider will say whether it can.
    """
    lines: dict[str, list[Place]] = {}
    for place in sorted(line, key=lambda p: (p.created, p.id)):
        lines.setdefault(place.label, []).append(place)
    # By label: in which of its label's turns each waits, the next one last.
    waiting = {x: [(n, p) for n, p in enumerate(own) if not p.under_way][::-1] for x, own in lines.items()}
    heads = [
        (turn, (0, max(p.created, p.served)), p.id, x) for x, own in waiting.items() if own for turn, p in own[-1:]
    ]
    heapify(heads)
    going: list[str] = []
    while heads and taken < places:
        _, _, task_id, label = heappop(heads)
        _, place = waiting[label].pop()
        if not taken or taken + place.slots <= places:
            going.append(task_id)
        taken += place.slots
        if waiting[label]:  # its label has had a turn just now, after everybody's last one
            turn, later = waiting[label][-1]
            heappush(heads, (turn, (1, float(len(going))), later.id, label))
    return going
