"""Formats by content and sides by header, also of files made to mislead."""

from __future__ import annotations

import struct
import time
import zlib
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.files.conftest import picture_bytes

from kling_tools.files.pictures import PNG, Damaged, read_header, sniff


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "BMP", "TIFF"])
def test_another_format_is_named(kind: str) -> None:
    assert sniff(picture_bytes(20, 20, kind)[:32]).upper() == kind


def test_heic_avif_video_and_text_are_told_apart() -> None:
    heads = {b"heic": "HEIC", b"avif": "AVIF", b"isom": "video"}
    assert {sniff(b"\0\0\0\x18ftyp" + brand + bytes(20)) for brand in heads} == set(heads.values())
    assert sniff(b"root:x:0:0:root") == ""


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_that_lies_on_its_side_is_measured_as_shown(orientation: int) -> None:
    header = read_header(picture_bytes(40, 30, orientation=orientation), "jpeg")
    assert header.stored == (40, 30)
    assert header.shown == ((30, 40) if orientation >= 5 else (40, 30))
    assert header.whole


def test_progressive_jpegs_and_pngs_are_measured() -> None:
    out = BytesIO()
    Image.new("RGB", (50, 31)).save(out, "JPEG", progressive=True)
    assert read_header(out.getvalue(), "jpeg").shown == (50, 31)
    assert read_header(picture_bytes(33, 44, "PNG"), "png").shown == (33, 44)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_missing_end_is_seen_without_decoding(kind: str) -> None:
    data = picture_bytes(64, 64, kind)
    for end in (len(data) - 1, len(data) * 2 // 3):
        assert not read_header(data[:end], kind.lower()).whole
    assert read_header(data + b"a phone's own notes", kind.lower()).whole


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("jpeg", b"\xff\xd8" + b"\xff" * 20_000_000),
        ("jpeg", b"\xff\xd8" + b"\xff\xe1\x00\x02" * 3_000_000),
        ("jpeg", b"\xff\xd8\xff\xe0\x00\x00"),
        ("jpeg", picture_bytes(40, 30)[:-2] + b"\xff\xda\x00\x02" * 200 + b"\xff\xd9"),
        ("png", PNG + struct.pack(">I4sII", 13, b"IHDR", 0, 5) + bytes(20)),
        ("png", PNG + struct.pack(">I4s", 13, b"IDAT") + bytes(40)),
    ],
    ids=["fill", "segments", "zero", "scans", "flat", "headless"],
)
def test_a_hostile_header_is_refused_at_once(kind: str, data: bytes) -> None:
    begun = time.process_time()
    with pytest.raises(Damaged):
        read_header(data, kind)
    assert time.process_time() - begun < 3


def test_a_png_of_endless_empty_parts_ends() -> None:
    part = struct.pack(">I4sI", 0, b"tEXt", zlib.crc32(b"tEXt"))
    header = picture_bytes(20, 20, "PNG")[:33]
    assert not read_header(header + part * 200_000, "png").whole


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 600), st.sampled_from(["JPEG", "PNG"]))
def test_no_bytes_raise_anything_but_damaged(patch: bytes, at: int, kind: str) -> None:
    data = bytearray(picture_bytes(24, 24, kind, orientation=6 if kind == "JPEG" else 0))
    data[at : at + len(patch)] = patch
    for attempt in (bytes(data), data[:4] + patch, PNG + patch):
        try:
            header = read_header(bytes(attempt), kind.lower())
        except Damaged:
            continue
        assert min(header.shown) > 0


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("clear", [False, True])
def test_a_webp_is_measured_and_a_cut_one_is_not_whole(lossless: bool, clear: bool) -> None:
    out = BytesIO()
    Image.new("RGBA" if clear else "RGB", (123, 45), (9, 9, 9, 9) if clear else (9, 9, 9)).save(
        out, "WEBP", lossless=lossless, exact=True
    )
    data = out.getvalue()
    header = read_header(data, "WebP")
    assert (header.shown, header.whole) == ((123, 45), True)
    assert not read_header(data[:-2], "WebP").whole
    with pytest.raises(Damaged):
        read_header(data[:20], "WebP")
