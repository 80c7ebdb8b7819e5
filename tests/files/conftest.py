"""Real pictures, clips and sounds, made once, and a file server that breaks where it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from kling_tools.files.ffmpeg import Encoder, file_argument

STEP = 10  # each frame of a clip is brighter than the one before by this much luma


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    return Encoder.find()


@pytest.fixture(scope="session")
def clips(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Clips of 2 s at 10 frames a second, wide (with sound that is longer), tall, square and turned; and a long one."""
    folder = tmp_path_factory.mktemp("clips")
    wide = folder / "wide.mp4"
    jobs = [_clip(encoder, wide, "160x90", sound=True)]
    jobs += [_clip(encoder, folder / f"{name}.mp4", size) for name, size in (("tall", "90x160"), ("square", "96x96"))]
    jobs.append(_clip(encoder, folder / "long.mp4", "64x36", seconds=25))

    async def make() -> None:
        await asyncio.gather(*jobs)
        turned = ["-display_rotation", "90", "-i", file_argument(wide), "-c", "copy", "-y"]
        await encoder.run([*turned, file_argument(folder / "turned.mp4")], timeout=100)

    asyncio.run(make())
    return {path.stem: path for path in folder.glob("*.mp4")}


@pytest.fixture(scope="session")
def sounds(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Sounds of 3 s: one of each format; MP3 without an index, with changing bit rate, with a picture in its tag."""
    folder = tmp_path_factory.mktemp("sounds")
    ways = {
        "mp3": ["-b:a", "48k", "a.mp3"],
        "plain": ["-b:a", "48k", "-write_xing", "0", "-id3v2_version", "0", "plain.mp3"],
        "vbr": ["-q:a", "6", "vbr.mp3"],
        "tagged": ["-metadata", "comment=" + "long " * 2000, "-write_xing", "0", "tagged.mp3"],
        "wav": ["-ar", "16000", "a.wav"],
        "m4a": ["-b:a", "48k", "a.m4a"],
        "isom": ["-b:a", "48k", "-movflags", "+faststart", "isom.mp4"],
        "aac": ["-b:a", "48k", "a.aac"],
    }

    async def make(args: list[str]) -> None:
        source = ["-f", "lavfi", "-i", "sine=d=3:f=330,volume='0.3+0.3*sin(4*t)':eval=frame"]
        await encoder.run([*source, *args[:-1], "-y", file_argument(folder / args[-1])], timeout=100)

    async def all_of_them() -> None:
        await asyncio.gather(*(make(args) for args in ways.values()))

    asyncio.run(all_of_them())
    return {name: folder / args[-1] for name, args in ways.items()}


async def _clip(encoder: Encoder, path: Path, size: str, *, seconds: int = 2, sound: bool = False) -> None:
    step = STEP if seconds == 2 else 0.8
    picture = f"nullsrc=s={size}:r=10:d={seconds},geq=lum='16+N*{step}':cb=128:cr=128"
    tone = ["-f", "lavfi", "-i", "sine=d=2.3", "-c:a", "aac"] if sound else []
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-qp", "4", "-bf", "2", "-pix_fmt", "yuv420p", "-y"]
    await encoder.run(["-f", "lavfi", "-i", picture, *tone, *codec, file_argument(path)], timeout=100)


def picture_bytes(width: int, height: int, kind: str = "JPEG", orientation: int = 0) -> bytes:
    image = Image.radial_gradient("L").resize((width, height)).convert("RGB")
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    out = BytesIO()
    image.save(out, kind, **({"exif": exif} if orientation else {}))
    return out.getvalue()


@dataclass
class Answer:
    """A `Download`: what a server says, in pieces, perhaps not to the end."""

    status: int
    total: int | None
    etag: str
    body: bytes = b""
    breaks: int | None = None
    sent: list[int] = field(default_factory=list)

    async def chunks(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self.body), 7_000):
            piece = self.body[at : at + 7_000]
            if self.breaks is not None and at + len(piece) > self.breaks:
                self.sent.append(max(0, self.breaks - at))
                yield piece[: max(0, self.breaks - at)]
                raise ConnectionResetError("the wire broke")
            self.sent.append(len(piece))
            yield piece


@dataclass
class FileServer:
    """Serves one file with ranges. `breaks` holds, per request, after how many bytes the wire breaks."""

    body: bytes
    etag: str = '"v1"'
    breaks: list[int | None] = field(default_factory=list)
    announce: bool = True
    asked: list[tuple[int, str]] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)

    @asynccontextmanager
    async def fetch(self, offset: int, etag: str) -> AsyncIterator[Answer]:
        self.asked.append((offset, etag))
        goes_on = bool(offset) and etag == self.etag
        total = len(self.body) if self.announce else None
        if goes_on and offset >= len(self.body):
            yield Answer(416, total, self.etag)
            return
        breaks = self.breaks.pop(0) if self.breaks else None
        body = self.body[offset:] if goes_on else self.body
        yield Answer(206 if goes_on else 200, total, self.etag, body, breaks, self.sent)
