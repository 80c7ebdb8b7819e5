"""What an agent reads beside a picture of a result, or instead of it: which frames it shows, and the file's figures.

Apart from the other texts, because half of it is about film and sound and none of it about tasks or money.
"""

from __future__ import annotations

from collections.abc import Sequence

from kling_tools.operations.answers import FilmFacts, LookFacts

_MOST_SPANS = 8
_MOST_CUTS = 24


def look_text(facts: LookFacts) -> str:
    """Return what the picture shows, what was found in the file or both files, and where they are."""
    match facts.shows:
        case "pictures":
            which = f"All {facts.pictures} pictures" if facts.pictures > 1 else "The picture"
            lines = [f"{which}, scaled down.{_mark(facts)}"]
        case "waveform":
            lines = [f"The sound as a waveform. {_sound(facts)}{_mark(facts)}", *_found(facts)]
        case "frame":
            lines = [f"Frame at {_times(facts.times)} s. The video: {_video(facts)}{_mark(facts)}"]
        case "side_by_side":
            lines = [_pairs(facts), f"A: {_video(facts)}{_mark(facts)}", *_found(facts)]
        case "sheet":
            shown = f"Contact sheet, row by row, of the frames at {_times(facts.times)} s"
            more = "at_seconds shows one larger"
            lines = [f"{shown} ({more}). The video: {_video(facts)}{_mark(facts)}", *_found(facts)]
        case "nothing":
            lines = [f"{_undrawn(facts)}{_mark(facts)}", *_found(facts)]
    lines.append(f"File: {facts.path}")
    if other := facts.compared:
        lines += [f"B: {_video(other)}{_mark(other)}", *_found(other), f"File: {other.path}"]
    return "\n".join(lines)


def _undrawn(facts: LookFacts) -> str:
    if facts.pictures:
        return f"{facts.pictures} pictures." if facts.pictures > 1 else f"A picture, {facts.width}x{facts.height} px."
    if not facts.width:
        return f"The sound: {_sound(facts)}"
    return f"{'A' if facts.compared else 'The video'}: {_video(facts)}"


def _mark(facts: FilmFacts) -> str:
    return " SIMULATED, not a Kling result." if facts.simulated else ""


def _pairs(facts: LookFacts) -> str:
    a, b = _times(facts.times[::2]), _times(facts.times[1::2])
    return f"A and B in pairs, row by row, each at the same parts of its length: A at {a} s, B at {b} s."


def _times(times: Sequence[float]) -> str:
    return ", ".join(f"{at:g}" for at in times)


def _video(facts: FilmFacts) -> str:
    pace = [f"{facts.fps:g} fps"] if facts.fps else []
    sides = f"{facts.width}x{facts.height}"
    return ", ".join([f"{facts.seconds or 0:g} s", sides, *pace, facts.codec, _bytes(facts.size), _heard(facts)]) + "."


def _sound(facts: FilmFacts) -> str:
    return ", ".join([f"{facts.seconds or 0:g} s", facts.codec, _bytes(facts.size), _heard(facts)]) + "."


def _bytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.0f} kB"


def _heard(facts: FilmFacts) -> str:
    if not facts.has_audio:
        return "without sound"
    if facts.loudness_lufs is None:
        return "with sound" if facts.silent is None else "with a silent sound track"
    peak = "" if facts.peak_dbfs is None else f", peak {facts.peak_dbfs:g} dBFS"
    return f"with sound ({facts.loudness_lufs:g} LUFS{peak})"


def _found(facts: FilmFacts) -> list[str]:
    """Return a line of what is worth a look: cuts, and stretches where nothing is seen, moves or sounds."""
    cuts = facts.cuts or []
    more = f" and {len(cuts) - _MOST_CUTS} more" if len(cuts) > _MOST_CUTS else ""
    told = [f"Cuts at {_times(cuts[:_MOST_CUTS])} s{more}."] if cuts else []
    for word, spans in (("Black", facts.black), ("Frozen", facts.frozen), ("Silent", facts.silent)):
        if spans:
            more = f" and {len(spans) - _MOST_SPANS} more" if len(spans) > _MOST_SPANS else ""
            told.append(f"{word} {', '.join(f'{a:g}-{b:g}' for a, b in spans[:_MOST_SPANS])} s{more}.")
    if facts.partial:
        told.append("Only key frames were decoded: shots between them are not known.")
    return [" ".join(told)] if told else []
