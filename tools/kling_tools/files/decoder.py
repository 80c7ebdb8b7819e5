"""The one program that decodes pictures: a child of `decoding`, so that a hostile file ends this and nothing else.

It is started by its path, with nothing on its path but the standard library and the folder that Pillow lies in, because
that takes half the time of a whole start; so it knows nothing of this package. Its arguments are that folder and a JSON
object; its answer is a line of JSON and then bytes. What it says is checked by the parent: by then it may be possessed.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

#: Decoded small at once: a JPEG of 200 megapixels costs no more memory than one of 50.
_DRAFTED = frozenset({"JPEG", "MPO"})
#: The first of several is what is meant: cameras keep a smaller one behind it.
_PAGED = frozenset({"TIFF", "MPO"})
#: Named, because Pillow would look for a reader that is not there from the start by importing all forty.
_READERS = {"WEBP": "PIL.WebPImagePlugin", "AVIF": "PIL.AvifImagePlugin", "TIFF": "PIL.TiffImagePlugin"}
_QUALITIES = (95, 90, 85)
_ATTEMPTS = 6


class Refusal(Exception):
    """Something that is answered and not done: a word of `decoding`, and figures."""

    def __init__(self, word: str, **figures: Any) -> None:
        super().__init__(word)
        self.answer = {"refused": word, **figures}


def begun(source: Any, kind: str) -> Image:
    """Return a picture of which nothing but the header is read."""
    from PIL import Image as Pillow

    Pillow.MAX_IMAGE_PIXELS = None  # the sides are judged here, and told
    if kind in _READERS:
        import_module(_READERS[kind])
    return Pillow.open(source, formats=(kind,))


def opened(source: Any, kind: str, *, most: int, stored: list[int] | None = None, draft: int = 0) -> Image:
    """Return a decoded picture of at most `most` pixels, with the `stored` sides where they are known.

    With `draft`, a JPEG may come at a half to an eighth of its sides, with no side below that many pixels.
    """
    image = begun(source, kind)
    if stored and list(image.size) != stored:  # its parts contradict each other: it may be larger than it said
        raise Refusal("contradiction")
    if draft:
        image.draft(None, (draft, draft))
    if image.width * image.height > most:
        raise Refusal("pixels", sides=image.size)
    image.load()
    return image


def verify(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Decode every pixel, of a JPEG at an eighth of its sides, and keep none."""
    data = BytesIO(sys.stdin.buffer.read())
    opened(data, request["kind"], most=request["most"], stored=request["stored"], draft=1)
    return {}, b""


def still(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Make a picture upright, of few enough pixels and bytes: a JPEG, or a PNG where it is transparent."""
    from binascii import a2b_base64
    from hashlib import sha256  # brings OpenSSL along: only where it is needed

    data = sys.stdin.buffer.read(request["max_source"] + 1)
    if len(data) > request["max_source"]:
        raise Refusal("size")
    digest = sha256(data).hexdigest()
    image, stored = _first(data, request)
    profile = image.info.get("icc_profile") or a2b_base64(request["profile"])
    # A profile of grey or of ink does not fit the colours that it was turned into.
    keep: dict[str, Any] = {"icc_profile": profile} if isinstance(profile, bytes) and profile[16:20] == b"RGB " else {}
    for small, how in _attempts(_plain(image), request):
        small.save(out := BytesIO(), **how, **keep)
        if out.tell() <= request["max_bytes"]:
            facts = {"kind": how["format"].lower(), "sides": small.size, "stored": stored, "sha256": digest}
            return facts, out.getvalue()
    raise Refusal("bytes")


def _first(data: bytes, request: dict[str, Any]) -> tuple[Image, tuple[int, int]]:
    """Return a picture's pixels, upright, and its sides as they are stored; what moves is no picture."""
    from PIL import ImageOps

    image = begun(BytesIO(data), request["kind"])
    pictures, stored = getattr(image, "n_frames", 1), image.size
    if pictures > 1 and image.format not in _PAGED:
        raise Refusal("moving", pictures=pictures)
    smaller = 1
    while image.format in _DRAFTED and smaller < 8 and stored[0] * stored[1] > request["most"] * smaller**2:
        smaller *= 2
    if smaller > 1:
        image.draft(None, (stored[0] // smaller, stored[1] // smaller))
    if image.width * image.height > request["most"]:
        raise Refusal("pixels", sides=stored)
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    return image, stored


def _plain(image: Image) -> Image:
    """Return 8 bits of red, green and blue, and of alpha where something shows through; nothing else comes along."""
    if image.mode.startswith("I"):  # 16 bits of grey: what is darker than 255 would be all that is left
        image = image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    elif image.mode == "F":
        raise Refusal("depth")
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        lowest = clear.getchannel("A").getextrema()[0]
        image = clear if isinstance(lowest, int) and lowest < 255 else clear.convert("RGB")
    plain = image if image.mode in {"RGB", "RGBA"} else image.convert("RGB")
    plain.info.clear()
    return plain


def _attempts(image: Image, request: dict[str, Any]) -> Iterator[tuple[Image, dict[str, Any]]]:
    """Yield ways to save a picture, each smaller than the one before; the first changes nothing that can be seen."""
    clear = image.mode == "RGBA"
    if clear and "png" not in request["formats"]:
        raise Refusal("transparent")
    ways: list[dict[str, Any]] = [{"format": "JPEG", "quality": quality} for quality in _QUALITIES]
    if clear or "jpeg" not in request["formats"]:
        ways = [{"format": "PNG"}]
    yield from ((image, how) for how in ways)
    small = image
    for _ in range(_ATTEMPTS):
        sides = tuple(max(1, round(side * 0.75)) for side in small.size)
        if min(sides) < request["least"]:
            return
        small = image.resize((sides[0], sides[1]), reducing_gap=3.0)
        yield small, ways[min(1, len(ways) - 1)]


def sheet(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Put pictures side by side, each in the middle of its cell."""
    from PIL import Image as Pillow

    columns, cell, gap = request["columns"], request["cell"], request["gap"]
    whole = Pillow.new("RGB", tuple(request["sides"]), request["ground"])
    for index, picture in enumerate(request["pictures"]):
        try:
            small = _small(picture, cell, request["most"])
        except Exception as error:  # on hostile data Pillow raises whatever the broken part leads to
            raise Refusal("picture", number=index) from error
        left = index % columns * (cell[0] + gap) + (cell[0] - small.width) // 2
        top = index // columns * (cell[1] + gap) + (cell[1] - small.height) // 2
        whole.paste(small, (left, top), small)
    return {}, _jpeg(whole, request)


def _small(picture: dict[str, Any], cell: list[int], most: int) -> Image:
    """Return a picture as it is shown, within the cell; what is transparent stays so."""
    from PIL import ImageOps

    image = opened(picture["path"], picture["kind"], most=most, stored=picture["stored"], draft=2 * max(cell))
    shown = ImageOps.exif_transpose(image).convert("RGBA")
    shown.thumbnail((cell[0], cell[1]))
    return shown


def _jpeg(image: Image, request: dict[str, Any]) -> bytes:
    """Return a JPEG of the first quality that fits; of the last where none does."""
    data = b""
    for quality in request["qualities"]:
        image.save(out := BytesIO(), "JPEG", quality=quality, optimize=True)
        data = out.getvalue()
        if len(data) <= request["max_bytes"]:
            break
    return data


def answer(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Do what was asked."""
    try:
        return {"verify": verify, "still": still, "sheet": sheet}[request["do"]](request)
    except Refusal as refusal:
        return refusal.answer, b""
    except MemoryError:
        return {"refused": "memory"}, b""
    except Exception as error:  # on hostile data Pillow raises whatever the broken part leads to
        return {"refused": "damaged", "kind": type(error).__name__}, b""


if __name__ == "__main__":
    sys.path.append(sys.argv[1])
    facts, data = answer(json.loads(sys.argv[2]))
    sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n" + data)
