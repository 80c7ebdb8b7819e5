"""Media files of every kind and every damage, each with what has to become of it; made where they are needed.

A verdict is a piece of the answer. WANTED is the answer to what can be sent: the person is asked about the price.
"""

from __future__ import annotations

import asyncio
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from tests.files.heic import heic, tiles

from kling_tools.files.ffmpeg import Encoder, file_argument

#: The whole file was read, decoded and found good: only the person's consent is missing.
WANTED = "[needs_confirmation]"
AS_IT_IS = WANTED + " This costs"
TO_JPEG, TO_PNG = "to JPEG", "to PNG"
NO_UPLOAD = "by address only"
DAMAGED, CUT = "is damaged", "its end is missing"
SPARSE = 2 << 30


@dataclass(frozen=True)
class Case:
    """A file: its name, how it is made, the words of the verdict. `made` writes it, or returns its bytes."""

    name: str
    made: Callable[[Path], bytes | None]
    verdict: str
    tool: str = "create_video"
    more: tuple[tuple[str, Any], ...] = ()

    def arguments(self, path: Path) -> dict[str, Any]:
        """Return the arguments of a call that names the file."""
        asked: dict[str, dict[str, Any]] = {
            "create_video": {"prompt": "it moves", "image": str(path), "model": "kling-3.0"},
            "edit_video": {"prompt": "it snows", "video": str(path)},
            "lip_sync": {"video": "https://a.test/face.mp4", "audio": str(path)},
        }
        return {**asked[self.tool], **dict(self.more)}


def saved(image: Image.Image, kind: str, **how: Any) -> bytes:
    """Return a picture as a file."""
    image.save(out := BytesIO(), kind, **how)
    return out.getvalue()


def card(width: int = 400, height: int = 320, mode: str = "RGB") -> Image.Image:
    """Return a picture that does not pack to nothing."""
    image = Image.radial_gradient("L").resize((width, height))
    return image if mode == "L" else Image.merge("RGB", (image, image.rotate(90), image.rotate(180))).convert(mode)


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes, *, first: bytes = b"") -> bytes:
    """Return a PNG with any sides and any pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + first + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def turned(orientation: int) -> bytes:
    """Return a photograph taken with the camera turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(card(), "JPEG", exif=exif)


def pictures() -> Iterator[Case]:
    """Yield pictures that can be used."""
    fine: dict[str, Callable[[], bytes]] = {
        "plain.jpg": lambda: saved(card(), "JPEG"),
        "grey.jpg": lambda: saved(card(mode="L"), "JPEG"),
        "ink.jpg": lambda: saved(card(mode="CMYK"), "JPEG"),
        "progressive.jpg": lambda: saved(card(), "JPEG", progressive=True),
        "plain.png": lambda: saved(card(), "PNG"),
        "clear.png": lambda: saved(card(mode="RGBA"), "PNG"),
        "palette.png": lambda: saved(card(mode="P"), "PNG"),
        "bits.png": lambda: saved(card(mode="1"), "PNG"),
        "deep.png": lambda: saved(card(mode="L").convert("I").convert("I;16"), "PNG"),
        "a jpeg.png": lambda: saved(card(), "JPEG"),
        "no ending": lambda: saved(card(), "PNG"),
        "狐 🦊 'x' $(y).jpg": lambda: saved(card(), "JPEG"),
        "least.png": lambda: saved(card(300, 300), "PNG"),
        "widest.png": lambda: saved(card(750, 300), "PNG"),
        "archive behind.jpg": lambda: saved(card(), "JPEG") + b"PK\3\4" + bytes(400) + b"PK\5\6",
        "program behind.png": lambda: saved(card(), "PNG") + b"MZ" + bytes(400),
        "broken exif.jpg": lambda: saved(card(), "JPEG", exif=b"Exif\0\0MM\0*" + b"\xff" * 40),
        "upright.jpg": lambda: turned(1),
    }
    for name, made in fine.items():
        yield Case(name, _bytes(made), AS_IT_IS)
    for orientation in range(2, 9):
        yield Case(f"turned {orientation}.jpg", _bytes(lambda o=orientation: turned(o)), "saved again, turned upright")
    converted: dict[str, tuple[Callable[[], bytes], str]] = {
        "photo.webp": (lambda: saved(card(), "WEBP"), TO_JPEG),
        "clear.webp": (lambda: saved(_holed(), "WEBP", lossless=True), TO_PNG),
        "photo.avif": (lambda: saved(card(), "AVIF"), TO_JPEG),
        "still.gif": (lambda: saved(card(mode="P"), "GIF"), TO_JPEG),
        "plain.bmp": (lambda: saved(card(), "BMP"), TO_JPEG),
        "packed.tif": (lambda: saved(card(), "TIFF", compression="tiff_lzw"), TO_JPEG),
        "deep.tif": (lambda: saved(card(mode="L").convert("I").convert("I;16"), "TIFF"), TO_JPEG),
        "ink.tif": (lambda: saved(card(mode="CMYK"), "TIFF"), TO_JPEG),
        "pages.tif": (lambda: saved(card(), "TIFF", save_all=True, append_images=[card()]), TO_JPEG),
        "a webp.jpg": (lambda: saved(card(), "WEBP"), TO_JPEG),
        "large.jpg": (lambda: saved(Image.new("L", (8000, 6400), 90), "JPEG", quality=10), "8000x6400 -> 4000x3200 px"),
    }
    for name, (made, verdict) in converted.items():
        yield Case(name, _bytes(made), verdict)
    heavy = _bytes(lambda: png(640, 400, zlib.compress(bytes(641 * 400)), first=chunk(b"prVt", bytes(10_000_000))))
    yield Case("heavy.png", heavy, "10.1 MB -> 0.1 MB", more=(("model", "auto"), ("negative_prompt", "rain")))


def _holed() -> Image.Image:
    image = card(mode="RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 100, 100))
    return image


def broken_pictures() -> Iterator[Case]:
    """Yield pictures that cannot be used, and what only calls itself one."""
    for kind in ("JPEG", "PNG"):
        whole = saved(card(), kind)
        yield Case(f"cut.{kind.lower()}", _bytes(lambda w=whole: w[: len(w) // 2]), CUT)
        yield Case(f"beginning.{kind.lower()}", _bytes(lambda w=whole: w[:14]), DAMAGED)
    for kind in ("WEBP", "AVIF", "GIF", "BMP", "TIFF"):
        yield Case(f"cut.{kind.lower()}", _bytes(lambda k=kind: _half(saved(card(), k))), DAMAGED)
    more = [card(mode="L").rotate(90).convert("RGB"), card(mode="L").convert("RGB")]
    for kind in ("GIF", "WEBP"):
        made = _bytes(lambda k=kind: saved(card(), k, save_all=True, append_images=more))
        yield Case(f"moving.{kind.lower()}", made, "is an animation of 3 pictures")
    flat, wide = zlib.compress(bytes(641 * 400)), "is 30000x30000 px"
    plain = saved(card(), "PNG")
    odd: dict[str, tuple[Callable[[], bytes], str]] = {
        "small.png": (lambda: saved(card(299, 400), "PNG"), "299x400 px; Kling needs at least 300 px"),
        "wide.png": (lambda: saved(card(760, 300), "PNG"), "760x300 px; Kling takes"),
        "small.webp": (lambda: saved(card(299, 400), "WEBP"), "299x400 px"),
        "dot.bmp": (lambda: saved(card(1, 1), "BMP"), "1x1 px"),
        "line.jpg": (lambda: saved(Image.new("L", (30_000, 300)), "JPEG"), "30000x300 px"),
        "empty.png": (lambda: b"", "no picture, video or sound"),
        "bomb.png": (lambda: png(30_000, 30_000, zlib.compress(bytes(30_001) * 50)), f"{wide}; at most 50 megapixels"),
        "bomb.webp": (lambda: _vp8l(16_384, 16_384), "16384x16384 px; at most 50"),
        "bomb.bmp": (
            lambda: b"BM" + struct.pack("<IIIIiiHHIIiiII", 99, 0, 54, 40, 30_000, 30_000, 1, 24, *bytes(6)),
            wide,
        ),
        "bomb.tif": (lambda: _tiff(30_000, 30_000), wide),
        "bomb.gif": (
            lambda: b"GIF89a\xff\xff\xff\xff\0\0\0" + b",\0\0\0\0\xff\xff\xff\xff\0\2\2L\1\0;",
            "65535x65535 px",
        ),
        "two heads.png": (lambda: plain[:33] + png(6000, 6000, flat)[8:33] + plain[33:], DAMAGED),
        "no pixels.png": (lambda: png(640, 400, b""), DAMAGED),
        "too few.png": (lambda: png(640, 400, zlib.compress(bytes(9999))), DAMAGED),
        "bad sum.png": (lambda: plain.replace(b"IDAT", b"IDAT\0", 1), DAMAGED),
        "zero.png": (lambda: png(0, 400, flat), "a side is 0 px"),
        "scans.jpg": (lambda: _scans(saved(card(), "JPEG", progressive=True)), "more scans"),
        "page.jpg": (lambda: b"<!doctype html><html><body>404</body></html>", "no picture, video or sound"),
        "drawing.svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a SVG file; Kling takes JPEG or PNG"),
        "paper.pdf": (lambda: b"%PDF-1.7\n%%EOF", "a PDF file"),
        "layers.psd": (lambda: b"8BPS\0\1" + bytes(40), "a Photoshop file"),
        "new.jxl": (lambda: b"\xff\x0a" + bytes(40), "a JPEG XL file"),
        "script.gif": (lambda: b"GIF89a/*" + bytes(40) + b"*/=1;alert(1)", DAMAGED),
        "noise.jpg": (
            lambda: os.urandom(5000).replace(b"\xff", b"\1").replace(b"BM", b"xx"),
            "no picture, video or sound",
        ),
        "tail.jpg": (lambda: b"\xff\xd8\xff" + bytes(5000), DAMAGED),
        "secrets.png": (lambda: b"AWS_SECRET_ACCESS_KEY=abc\n" * 40, "no picture, video or sound"),
    }
    for name, (build, verdict) in odd.items():
        yield Case(name, _bytes(build), verdict)
    yield Case("sparse.png", _sparse(plain), "at most 200 MB are opened")
    yield Case("sparse nothing.png", _sparse(b""), "no picture, video or sound")
    yield Case("folder.png", lambda path: path.mkdir(), "a directory")  # type: ignore[func-returns-value]
    yield Case("pipe.png", lambda path: os.mkfifo(path), "a pipe")  # type: ignore[func-returns-value]
    yield Case("device.png", lambda path: path.symlink_to("/dev/zero"), "outside")  # type: ignore[func-returns-value]
    yield Case("link.png", lambda path: path.symlink_to("/etc/passwd"), "outside")  # type: ignore[func-returns-value]
    yield Case("loop.png", lambda path: path.symlink_to(path), "is a link")  # type: ignore[func-returns-value]


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _vp8l(width: int, height: int) -> bytes:
    bits = struct.pack("<I", width - 1 | (height - 1) << 14)
    body = b"WEBPVP8L" + struct.pack("<I", 9) + b"\x2f" + bits + bytes(4)
    return b"RIFF" + struct.pack("<I", len(body)) + body + b"\0"


def _tiff(width: int, height: int) -> bytes:
    tags = ((256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, height), (279, 99))
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + body + bytes(200)


def _scans(data: bytes) -> bytes:
    at = data.rindex(b"\xff\xda")
    return data[:at] + data[at:-2] * 150 + data[-2:]


def heic_pictures(encoder: Encoder, folder: Path) -> Iterator[Case]:
    """Yield what a phone takes."""
    (tile,) = asyncio.run(tiles(encoder, folder, 320, 320, 320))
    yield Case("phone.heic", _bytes(lambda: heic([tile], 320, 320, 320)), TO_JPEG)
    yield Case("four.heic", _bytes(lambda: heic([tile] * 4, 320, 600, 500, turns=3)), "600x500 -> 500x600 px")
    yield Case("cut.heic", _bytes(lambda: _half(heic([tile] * 4, 320, 600, 500))), "cannot be decoded")
    yield Case("bomb.heic", _bytes(lambda: heic([tile], 320, 30_000, 30_000)), "at most 50 megapixels")


def films_and_sounds(encoder: Encoder, folder: Path) -> Iterator[Case]:
    """Yield videos, which Kling takes by address only, and sounds: made by one run of ffmpeg."""
    names = ("mp4", "mov", "webm", "avi", "mp3", "m4a", "aac", "wav", "ogg", "flac")
    outputs: list[str] = []
    for name in names:
        only = ["-map", "0:v", "-map", "1:a"] if name in {"mp4", "mov", "webm", "avi"} else ["-map", "1:a"]
        outputs += [*only, *(["-c:v", "vp8", "-b:v", "100k"] if name == "webm" else []), "-t", "3"]
        outputs.append(file_argument(folder / f"a.{name}"))
    sources = ["-f", "lavfi", "-i", "testsrc2=s=64x36:r=5:d=3", "-f", "lavfi", "-i", "sine=d=3:sample_rate=16000"]
    asyncio.run(encoder.run([*sources, *outputs], timeout=150))
    whole = {name: (folder / f"a.{name}").read_bytes() for name in names}
    mp4 = whole["mp4"]
    films = {
        "film.mp4": (mp4, NO_UPLOAD),
        "film.mov": (whole["mov"], NO_UPLOAD),
        "film.txt": (mp4, NO_UPLOAD),
        "film.webm": (whole["webm"], "no picture, video or sound"),
        "film.avi": (whole["avi"], "no picture, video or sound"),
        "cut.mp4": (_half(mp4), "is no whole video. The file is cut off"),
        "no moov.mp4": (mp4[: mp4.rindex(b"moov") - 4], "its index is missing"),
        "head.mp4": (mp4[:40], "is no whole video"),
        "list.mp4": (b"#EXTM3U\nfile:///etc/passwd\n", "no picture, video or sound"),
        "picture.mp4": (saved(card(), "PNG"), "has to be a video, not a picture"),
        "lies.mp4": (mp4.replace(b"stco", b"stcx"), NO_UPLOAD),
    }
    for name, (data, verdict) in films.items():
        yield Case(name, _bytes(lambda d=data: d), verdict, "edit_video")
    yield Case("sparse.mp4", _sparse(mp4[:32]), "is no whole video", "edit_video")
    yield Case("film.png", _bytes(lambda: mp4), "has to be a picture, not a video")
    yield Case("sound.png", _bytes(lambda: whole["mp3"]), "has to be a picture, not a sound")
    kinds = {f"a.{kind}": (whole[kind], WANTED) for kind in ("mp3", "m4a", "aac", "wav")}
    sounds = {
        **kinds,
        "an mp3.wav": (whole["mp3"], WANTED),
        "a.ogg": (whole["ogg"], "no picture, video or sound"),
        "a.flac": (whole["flac"], "no picture, video or sound"),
        "cut.wav": (_half(whole["wav"]), CUT),
        "cut.m4a": (_half(whole["m4a"]), "its parts are damaged or its end is missing"),
        "cut.mp3": (_half(whole["mp3"]), CUT),
        "short.wav": (wav(1.5), "1.5 s long; Kling takes 2 to 60 s"),
        "long.wav": (wav(61), "61 s long; Kling takes 2 to 60 s"),
        "silence.mp3": (b"ID3\4\0\0\0\0\0\0", "cannot be used"),
        "film.mp3": (mp4, "has to be a sound, not a video"),
        "no rate.wav": (wav(3)[:28] + bytes(4) + wav(3)[32:], "contradicts itself"),
    }
    for name, (data, verdict) in sounds.items():
        yield Case(name, _bytes(lambda d=data: d), verdict, "lip_sync")
    yield Case("sparse.wav", _sparse(wav(3)[:40] + b"\xff" * 4), "cannot be used", "lip_sync")


def wav(seconds: float) -> bytes:
    """Return silence."""
    size = int(seconds * 16_000)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8_000, 16_000, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", size + 36, b"WAVE") + form + struct.pack("<4sI", b"data", size) + bytes(size)


def _bytes(made: Callable[[], bytes]) -> Callable[[Path], bytes]:
    return lambda _: made()


def _sparse(beginning: bytes) -> Callable[[Path], None]:
    """Return how to make a file of 2 GB that takes no room."""

    def write(path: Path) -> None:
        path.write_bytes(beginning)
        os.truncate(path, SPARSE)

    return write
