"""Shots that no model makes in one go: each decided like a request of its own, all of them one film.

Pure like the rest of the catalogue: which of the shots are bought, and how they come together, others decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from kling_tools.catalog.catalog import Catalog
from kling_tools.catalog.video_rules import wants_sound
from kling_tools.model.errors import Impossible, InvalidArguments
from kling_tools.model.media import Source
from kling_tools.model.mentions import voice_mentions
from kling_tools.model.plan import Plan, Route
from kling_tools.model.requests import CreateVideo, SpendingRequest

#: Ten minutes are joined into one file, and clips come out a little longer than was asked for.
LONGEST_FILM = 540
_RATIOS = {"16:9": 16 / 9, "1:1": 1.0, "9:16": 9 / 16}


def in_one_go(catalog: Catalog, request: SpendingRequest, sources: Mapping[str, Source], route: Route) -> Plan | str:
    """Return the plan of a single task, or for shots why they have to be tasks of their own.

    Raises:
        Impossible, InvalidArguments: it is no storyboard, or the model does not exist.
    """
    if not isinstance(request, CreateVideo) or len(request.shots) < 2:
        return catalog.plan(_alone(request), sources, route)
    models = {shot.model or request.model for shot in request.shots}
    if request.continuous:
        return "each shot starts from the last frame of the one before"
    if len(models) > 1:
        return "the shots name different models"
    try:
        return catalog.plan(request.model_copy(update={"model": models.pop()}), sources, route)
    except Impossible as error:
        return error.message.rstrip(".")


def _alone(request: SpendingRequest) -> SpendingRequest:
    """Return the request with the model that its only shot names."""
    if isinstance(request, CreateVideo) and request.shots and request.shots[0].model:
        return request.model_copy(update={"model": request.shots[0].model})
    return request


def shot_requests(request: CreateVideo, sources: Mapping[str, Source], ids: Sequence[str]) -> list[CreateVideo]:
    """Return each shot as a request of its own; `ids` are those of the tasks they will be.

    The image and the brush over it are for the first shot and the last image for the last; references, sound, size and
    look are for all.

    Raises:
        Impossible: the film would be too long, or its last image has no place.
    """
    total, last = request.length, len(request.shots) - 1
    if total > LONGEST_FILM:
        raise Impossible(
            f"Together the shots are {total} s long; a film has at most {LONGEST_FILM} s.",
            advice="Make two films of them.",
        )
    if request.last_image and not request.continuous:
        raise Impossible(
            "These shots are made one by one, and the last one has no first frame; Kling takes no last frame alone.",
            advice="continuous=true would work, or leaving out last_image.",
        )
    shots = []
    for number, shot in enumerate(request.shots):
        changes: dict[str, object] = {
            "prompt": shot.prompt,
            "seconds": shot.seconds,
            "model": shot.model or request.model,
            "shots": [],
            "continuous": False,
            "from_task": "",
            "last_image": request.last_image if number == last else None,
        }
        if number:
            changes["image"] = ids[number - 1] if request.continuous else None
            changes["motion_brush"] = []
            changes["aspect_ratio"] = _ratio(request, sources)
        if wants_sound(request):
            # A voice costs more also where nobody speaks with it.
            changes["audio"], changes["voices"] = True, request.voices if voice_mentions(shot.prompt) else []
        kept = {name for name, value in changes.items() if value != getattr(request, name)}
        shots.append(request.model_copy(update={name: changes[name] for name in kept}))
    return shots


def _ratio(request: CreateVideo, sources: Mapping[str, Source]) -> str:
    """Return the shape of the shots after the first: what was asked for, else the one nearest to the picture's."""
    picture = sources.get(request.image or "")
    if request.asks_ratio or picture is None or not picture.width or not picture.height:
        return request.aspect_ratio
    shape = picture.width / picture.height
    return min(_RATIOS, key=lambda name: max(shape / _RATIOS[name], _RATIOS[name] / shape))


def shot_plans(
    catalog: Catalog, request: CreateVideo, sources: Mapping[str, Source], route: Route, ids: Sequence[str], why: str
) -> list[tuple[CreateVideo, Plan]]:
    """Decide every shot; `why` they are tasks of their own.

    Raises:
        Impossible: with every shot that cannot be made, by its number.
    """
    shots = shot_requests(request, sources, ids)
    known = {**sources, **{task_id: Source(kind="video", made_here=True) for task_id in ids}}
    plans: list[Plan] = []
    refused: dict[tuple[str, str], list[int]] = {}
    for number, shot in enumerate(shots, 1):
        try:
            plan = catalog.plan(shot, known, route)
        except (Impossible, InvalidArguments) as error:
            refused.setdefault((error.message, error.advice), []).append(number)
            continue
        after = ids[number - 2] if request.continuous and number > 1 else ""
        plans.append(replace(plan, after=after))
    if refused:
        each = " ".join(f"{_named(numbers)}: {message}" for (message, _), numbers in refused.items())
        raise Impossible(
            f"{why[:1].upper()}{why[1:]}. Made one by one: {each}",
            advice=" ".join(dict.fromkeys(advice for _, advice in refused if advice)),
        )
    return list(zip(shots, plans, strict=True))


def _named(numbers: Sequence[int]) -> str:
    one, *others = (str(number) for number in reversed(numbers))
    return f"Shots {', '.join(reversed(others))} and {one}" if others else f"Shot {one}"


def told(plans: Sequence[Plan]) -> Iterator[str]:
    """Yield what else was decided about the shots, each thing once."""
    yield from dict.fromkeys(note for plan in plans for note in plan.notes)
