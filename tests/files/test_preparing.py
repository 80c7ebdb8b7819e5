"""What fits goes as it is; what only has to be converted is converted, in a child process, and that is told."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageDraw
from PIL.PngImagePlugin import PngInfo
from tests.files.conftest import picture_bytes
from tests.files.heic import heic, tiles
from tests.files.test_inputs import bomb

from kling_tools.files import decoding
from kling_tools.files.ffmpeg import Encoder
from kling_tools.files.inputs import Inputs
from kling_tools.files.pictures import bare
from kling_tools.model.errors import BadMedia
from kling_tools.model.media import ImageLimits, Medium

pytestmark = pytest.mark.anyio
LIMITS = ImageLimits(max_bytes=1_000_000, min_side=300, max_ratio=2.5)


async def made(tmp_path: Path, data: bytes, limits: ImageLimits = LIMITS, name: str = "dog.jpg") -> Medium:
    """Return what becomes of a file with this content."""
    (tmp_path / name).write_bytes(data)
    return await Inputs((tmp_path,)).picture(tmp_path / name, limits)


async def refused(tmp_path: Path, data: bytes, *words: str, limits: ImageLimits = LIMITS) -> None:
    """Check that a file is refused in these words, with a way out."""
    with pytest.raises(BadMedia) as caught:
        await made(tmp_path, data, limits)
    assert caught.value.advice
    for word in words:
        assert word in caught.value.sentence()


def saved(image: Image.Image, kind: str, **how: Any) -> bytes:
    """Return a picture as a file."""
    image.save(out := BytesIO(), kind, **how)
    return out.getvalue()


def seen(medium: Medium) -> Image.Image:
    """Return the picture that is sent."""
    assert medium.data is not None
    image = Image.open(BytesIO(medium.data), formats=("JPEG", "PNG"))
    assert image.size == (medium.width, medium.height)
    assert medium.mime == f"image/{(image.format or '').lower()}"
    return image


def quarters() -> Image.Image:
    """Return a picture with a colour in each quarter: red, green / blue, white."""
    image = Image.new("RGB", (640, 400), "white")
    draw = ImageDraw.Draw(image)
    for box, colour in (((0, 0), "red"), ((320, 0), "lime"), ((0, 200), "blue")):
        draw.rectangle((*box, box[0] + 319, box[1] + 199), fill=colour)
    return image


def corners(image: Image.Image) -> list[str]:
    """Return the colours of the quarters, row by row."""
    names = {(1, 0, 0): "red", (0, 1, 0): "lime", (0, 0, 1): "blue", (1, 1, 1): "white"}
    places = [(x * image.width // 4, y * image.height // 4) for y in (1, 3) for x in (1, 3)]
    return [names[tuple(v > 127 for v in image.convert("RGB").getpixel(at))] for at in places]  # type: ignore[union-attr,index]


async def test_place_and_device_stay_here_and_pixels_and_colours_go(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0110] = "SECRET CAMERA"
    exif.get_ifd(0x8825)[1] = "N"
    notes = PngInfo()
    notes.add_text("Location", "SECRET PLACE")
    notes.add_itxt("XML:com.adobe.xmp", "SECRET XMP")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind, more in (
        ("JPEG", {"comment": b"SECRET WORDS", "xmp": b"SECRET XMP"}),
        ("JPEG", {"progressive": True}),
        ("PNG", {"pnginfo": notes}),
    ):
        data = saved(quarters(), kind, exif=exif, icc_profile=profile, **more)
        medium = await made(tmp_path, data)
        assert b"SECRET" in data
        assert b"SECRET" not in (medium.data or b"")
        assert seen(medium).tobytes() == Image.open(BytesIO(data)).tobytes()
        assert seen(medium).info["icc_profile"] == profile
        assert (medium.sha256, medium.note) == (hashlib.sha256(data).hexdigest(), "")
    plain = saved(quarters(), "PNG") + b"what follows"
    assert (await made(tmp_path, plain)).data == plain


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "BMP", "TIFF", "GIF"])
async def test_another_format_becomes_one_that_is_taken(tmp_path: Path, kind: str) -> None:
    data = saved(quarters(), kind)
    medium = await made(tmp_path, data)
    assert medium.mime == "image/jpeg"
    assert corners(seen(medium)) == ["red", "lime", "blue", "white"]
    assert medium.note == f'"dog.jpg": converted from {kind} to JPEG.'
    assert medium.sha256 == hashlib.sha256(data).hexdigest(), "it is marked by what was given"
    assert await made(tmp_path, data) == medium, "the same file gives the same bytes"


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_a_turned_picture_is_sent_upright(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(quarters(), "JPEG", exif=exif)
    medium = await made(tmp_path, data)
    shown = [["red", "lime", "blue", "white"], ["lime", "red", "white", "blue"], ["white", "blue", "lime", "red"]]
    shown += [["blue", "white", "red", "lime"], ["red", "blue", "lime", "white"], ["blue", "red", "white", "lime"]]
    shown += [["white", "lime", "blue", "red"], ["lime", "white", "red", "blue"]]
    assert corners(seen(medium)) == shown[orientation - 1]
    assert ("turned upright" in medium.note) == (orientation > 1)
    assert (medium.data == bare(data, "jpeg")) == (orientation == 1)


async def test_a_picture_of_too_many_bytes_is_made_smaller_in_its_shape(tmp_path: Path) -> None:
    noise = Image.effect_noise((1600, 900), 90).convert("RGB")
    medium = await made(tmp_path, saved(noise, "PNG"))
    image = seen(medium)
    assert len(medium.data or b"") <= LIMITS.max_bytes
    assert image.width / image.height == pytest.approx(16 / 9, rel=0.01)
    assert "converted from PNG to JPEG, " in medium.note
    assert " MB -> " in medium.note
    tiny = replace(LIMITS, max_bytes=20_000)
    await refused(tmp_path, saved(noise, "PNG"), "cannot be brought to 0.1 MB", limits=tiny)


async def test_what_shows_through_stays_so_and_what_does_not_is_a_jpeg(tmp_path: Path) -> None:
    clear = quarters().convert("RGBA")
    assert (await made(tmp_path, saved(clear, "WEBP", lossless=True))).mime == "image/jpeg"
    clear.paste((0, 0, 0, 0), (0, 0, 320, 200))
    medium = await made(tmp_path, saved(clear, "WEBP", lossless=True))
    assert medium.mime == "image/png"
    assert seen(medium).convert("RGBA").getpixel((10, 10))[3] == 0  # type: ignore[index]
    only_jpeg = replace(LIMITS, formats=("jpeg",))
    await refused(tmp_path, saved(clear, "WEBP", lossless=True), "transparent", limits=only_jpeg)


async def test_colours_survive(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    medium = await made(tmp_path, saved(quarters(), "WEBP", lossless=True, icc_profile=profile))
    assert seen(medium).info["icc_profile"] == profile
    grey = Image.linear_gradient("L").resize((400, 400)).convert("I").point(lambda v: v * 257).convert("I;16")
    ramp = seen(await made(tmp_path, saved(grey, "TIFF"))).convert("L")
    middle = ramp.getpixel((200, 200))
    assert isinstance(middle, int)
    assert 120 < middle < 136
    ink = quarters().convert("CMYK")
    assert corners(seen(await made(tmp_path, saved(ink, "TIFF")))) == ["red", "lime", "blue", "white"]


async def test_what_is_private_in_a_converted_picture_stays_here(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "taken at home", 3
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        data = saved(quarters(), kind, exif=exif)
        if kind != "PNG":
            assert b"taken at home" not in ((await made(tmp_path, data)).data or b"")


async def test_what_moves_is_no_picture(tmp_path: Path) -> None:
    more = [quarters().rotate(90), quarters().rotate(180)]
    for kind in ("GIF", "WEBP"):
        data = saved(quarters(), kind, save_all=True, append_images=more)
        await refused(tmp_path, data, "is an animation of 3 pictures", "the one that is meant")
    paged = saved(quarters(), "TIFF", save_all=True, append_images=more)
    assert corners(seen(await made(tmp_path, paged))) == ["red", "lime", "blue", "white"]


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "BMP", "TIFF", "GIF"])
async def test_a_damaged_file_of_another_format_is_refused(tmp_path: Path, kind: str) -> None:
    data = saved(Image.effect_noise((500, 400), 90).convert("RGB"), kind)
    await refused(tmp_path, data[: len(data) // 2], "damaged")


async def test_the_shape_of_another_format_is_judged_by_its_numbers(tmp_path: Path) -> None:
    for kind in ("WEBP", "BMP", "TIFF", "AVIF"):
        await refused(tmp_path, saved(Image.new("RGB", (214, 300)), kind), "214x300 px", "at least 300 px")
        await refused(tmp_path, saved(Image.new("RGB", (1000, 320)), kind), "1000x320 px", "1:2.5 to 2.5:1")


async def test_too_many_pixels_are_not_decoded_and_a_large_photograph_is_made_smaller(tmp_path: Path) -> None:
    await refused(tmp_path, bomb(9000, 9000), "9000x9000 px", "at most 50 megapixels")
    flat = BytesIO()
    Image.new("1", (9000, 9000)).save(flat, "TIFF", compression="group4")
    await refused(tmp_path, flat.getvalue(), "9000x9000 px", "at most 50 megapixels")
    photograph = saved(Image.new("L", (9000, 6000), 90), "JPEG", quality=20)
    medium = await made(tmp_path, photograph)
    assert (medium.width, medium.height) == (4500, 3000)
    assert "9000x6000 -> 4500x3000 px" in medium.note


async def test_a_heic_of_tiles_is_put_together_turned_and_keeps_its_colours(tmp_path: Path, encoder: Encoder) -> None:
    parts = await tiles(encoder, tmp_path, 1024, 1024, 512)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = heic(parts, 512, 1000, 700, turns=1, profile=profile)
    medium = await made(tmp_path, data, name="dog.heic")
    image = seen(medium)
    assert image.size == (700, 1000)
    assert image.info["icc_profile"] == profile
    assert medium.note == '"dog.heic": converted from HEIC to JPEG, 1000x700 -> 700x1000 px.'
    assert medium.sha256 == hashlib.sha256(data).hexdigest()
    assert (await made(tmp_path, heic(parts[:1], 512, 512, 512))).width == 512
    await refused(tmp_path, data[: len(data) * 2 // 3], "cannot be decoded")
    await refused(tmp_path, heic(parts[:1], 512, 9000, 9000), "9000x9000 px", "50 megapixels")
    await refused(tmp_path, heic(parts[:1], 512, 1024, 700), "cannot put together")


async def test_a_file_that_is_larger_than_any_picture_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.webp"
    path.write_bytes(picture_bytes(640, 480, "WEBP"))
    with path.open("r+b") as file:
        file.truncate(2 << 30)
    with pytest.raises(BadMedia, match=r"has 2147\.5 MB; at most 200 MB are opened"):
        await Inputs((tmp_path,)).picture(path, LIMITS)


async def test_raw_pixels_that_are_none_are_refused() -> None:
    huge, large, cut = b"P6 30000 30000 255\n", b"P6 7000 7000 255\n", b"P6 2 2 255\n1"
    for pixels, side in ((huge, 30_000), (large, 7000), (cut, 2), (b"", 1), (zlib.compress(b"x"), 1)):
        with pytest.raises(decoding.Undecoded):
            await decoding.verify(pixels, "ppm", (side, side))
