"""What a video order looks like: which pictures and clips are shown, for how long, under which words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kling_sandbox import film
from kling_sandbox.film import Clip, Film
from kling_sandbox.order import Order, Shot
from kling_sandbox.pictures import ELSEWHERE
from kling_sandbox.product import Workshop
from kling_sandbox.tasks import Task

Size = tuple[int, int]
MOST_PARTS: Final = 4


def draw_order(workshop: Workshop, task: Task, name: str, work: Path) -> Path:
    """Draw the video of a model's order."""
    order = Order.from_settings(task.settings)
    size = (order.width, order.height)
    source = workshop.input(order.video.name) if order.video else None
    edits, dances = order.video_use == "base", order.video_use == "motion"
    sounds = task.bought.media[0].sound
    keeps = sounds and order.sound == "original" and source is not None
    texts = [f"{shot.index}.  {shot.text}" for shot in order.shots] or [order.prompt]
    clips, crossfade = ([], 0.0) if edits and source else _clips(workshop, order, source, work)
    made = Film(
        size=size,
        seconds=order.seconds,
        words=lettering(texts, size, order.seconds, str(task.settings["label"]), work, sound=sounds),
        clips=clips,
        source=source if edits else None,
        inset=source if dances else None,
        crossfade=crossfade,
        sound=source if keeps else None,
        tone=film.chance(order.prompt) if sounds and not keeps else None,
        bare_start=bool(order.first_frame),
        hasty=_hasty(workshop),
    )
    return film.shoot(workshop, made, work / name)


def draw_pictures(
    workshop: Workshop,
    sources: Sequence[str],
    texts: tuple[str, str],
    media: tuple[Size, float],
    work: Path,
    sound: Path | None = None,
    tone: int | None = None,
) -> Path:
    """Draw a film of input pictures in turn. `texts` are its words and its label, `media` its size and seconds."""
    (words, label), (size, seconds) = texts, media
    canvas = film.canvas_of(size, _hasty(workshop))
    clips = [
        Clip(
            picture=picture(workshop, source, words, canvas, work / f"picture{place}.ppm"),
            seconds=seconds / len(sources),
            zoom=0.14 if place % 2 == 0 else -0.14,
        )
        for place, source in enumerate(sources)
    ]
    sounds = sound is not None or tone is not None
    made = Film(
        size=size,
        seconds=seconds,
        words=lettering([words], size, seconds, label, work, sound=sounds),
        clips=clips,
        sound=sound,
        tone=tone,
        bare_start=True,
        hasty=_hasty(workshop),
    )
    return film.shoot(workshop, made, work / "film.mp4")


def picture(workshop: Workshop, source: str | Path, words: str, canvas: Size, target: Path) -> Path:
    """Draw an input picture to fill the canvas; a stand-in for one elsewhere; the scene of the words without any."""
    # Pillow takes long to load, and no call but this one needs it.
    from kling_sandbox.scene import draw_placeholder, draw_scene, load_image

    path = source if isinstance(source, Path) else workshop.input(source)
    if isinstance(source, str) and source.startswith(ELSEWHERE):
        drawn = draw_placeholder(source.removeprefix(ELSEWHERE), canvas)
    else:
        drawn = (load_image(path, canvas) if path else None) or draw_scene(words, canvas)
    drawn.save(target)
    return target


def lettering(texts: Sequence[str], size: Size, seconds: float, label: str, work: Path, *, sound: bool) -> list[Path]:
    """Draw the still layers with the words and the facts."""
    from kling_sandbox.lettering import overlay

    heard = "with sound" if sound else "silent"
    facts = f"{label}   ·   {size[0]} × {size[1]}   ·   {seconds:g} s   ·   {heard}"
    files = []
    for place, text in enumerate(texts):
        files.append(work / f"words{place}.png")
        overlay(size, text, facts).save(files[-1], compress_level=1)
    return files


def _clips(workshop: Workshop, order: Order, source: Path | None, work: Path) -> tuple[list[Clip], float]:
    """Return the clips, and the seconds of a crossfade between first and last frame."""
    canvas = film.canvas_of((order.width, order.height), _hasty(workshop))

    def draw(shown: str | Path, words: str, name: str) -> Path:
        return picture(workshop, shown, words, canvas, work / name)

    if order.last_frame:
        fade = min(1.5, order.seconds * 0.3)
        begins = (order.seconds - fade) / 2
        first = Clip(picture=draw(order.first_frame, order.prompt, "first.ppm"), seconds=begins + fade, zoom=0.08)
        last = draw(order.last_frame, order.prompt, "last.ppm")
        return [first, Clip(picture=last, seconds=order.seconds - begins, zoom=-0.08)], fade
    sources: list[str | Path] = [order.first_frame] if order.first_frame else [*order.refer_images]
    if order.video and order.video_use in ("feature", "base"):
        sources.insert(0, _still(workshop, source, work) if source else order.video.name)
    drift = film.chance(order.prompt) / 255
    return [
        Clip(
            picture=draw(shown, shot.text, f"shot{place}.ppm"),
            seconds=seconds,
            zoom=0.14 if place % 2 == 0 else -0.14,
            drift=0.5 if shown else drift,
        )
        for place, (shot, seconds, shown) in enumerate(_parts(order, sources))
    ], 0.0


def _parts(order: Order, sources: Sequence[str | Path]) -> list[tuple[Shot, float, str | Path]]:
    """Return what is shown in turn: the shots with their pictures, or all pictures, or one scene."""
    if order.shots:
        # A first frame opens the film; references come back.
        shown = [*sources, *[""] * len(order.shots)] if order.first_frame else [*sources, *([] if sources else [""])]
        return [(shot, shot.seconds, shown[place % len(shown)]) for place, shot in enumerate(order.shots)]
    only = Shot(index=1, seconds=round(order.seconds), text=order.prompt)
    some = list(sources[:MOST_PARTS]) or [""]
    return [(only, order.seconds / len(some), one) for one in some]


def _still(workshop: Workshop, source: Path, work: Path) -> Path:
    """Take the last picture out of a reference video: the one without words."""
    return workshop.encode(["-sseof", "-0.06", "-i", str(source), "-frames:v", "1"], work / "still.png")


def _hasty(workshop: Workshop) -> bool:
    config = workshop.desk.config
    return config.hasty or config.speed >= film.HASTE
