"""What a file's beginning tells, and that no beginning can do harm."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.files.conftest import picture_bytes

from kling_tools.files.ffmpeg import Encoder, file_argument
from kling_tools.files.heads import facts_of_head


@pytest.fixture(scope="module")
def faststart(encoder: Encoder, clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("fast") / "a.mov"
    args = ["-i", file_argument(clips["wide"]), "-c", "copy", "-movflags", "+faststart", file_argument(path)]
    asyncio.run(encoder.run(args, timeout=100))
    return path.read_bytes()


def test_the_beginning_of_a_video_tells_all_where_its_index_is_there(faststart: bytes) -> None:
    found = facts_of_head(faststart[: len(faststart) // 2], len(faststart))
    assert found
    assert (found.kind, found.format, found.width, found.height, found.has_audio) == ("video", "mov", 160, 90, True)
    assert found.fps == 10
    assert found.seconds == pytest.approx(2.3, abs=0.1)
    assert found.size == len(faststart)


def test_a_video_whose_index_is_at_its_end_is_known_as_one(clips: dict[str, Path]) -> None:
    found = facts_of_head(clips["wide"].read_bytes()[:2000])
    assert found
    assert (found.kind, found.format) == ("video", "mp4")
    assert (found.seconds, found.width, found.fps, found.has_audio) == (None, None, None, None)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_beginning_of_a_picture_tells_its_sides(kind: str) -> None:
    data = picture_bytes(640, 480, kind, orientation=6 if kind == "JPEG" else 0)
    found = facts_of_head(data[: len(data) // 2])
    assert found
    assert (found.kind, found.format) == ("image", kind.lower())
    assert (found.width, found.height) == ((480, 640) if kind == "JPEG" else (640, 480))
    lost = facts_of_head(data[:22])
    assert lost
    assert (lost.kind, lost.width) == ("image", None)


def test_the_beginning_of_a_sound_tells_its_length_where_it_can(sounds: dict[str, Path]) -> None:
    for kind in ("wav", "mp3", "vbr", "plain", "isom"):
        data = sounds[kind].read_bytes()
        found = facts_of_head(data[: len(data) * 2 // 3], len(data))
        assert found
        assert found.kind == "audio"
        assert found.seconds == pytest.approx(3, abs=0.15), kind
    for kind in ("plain", "aac"):  # frame after frame, and nobody knows how many
        found = facts_of_head(sounds[kind].read_bytes()[:4000])
        assert found
        assert (found.kind, found.seconds) == ("audio", None)


STARTS = [b"", b"RIFF\0\0\0\0WAVEfmt ", b"RIFF\x99\0\0\0WEBPVP8 ", b"ID3\4\0\0", b"\xff\xf1", b"\xff\xfb"]


@settings(max_examples=200, deadline=None)
@given(
    start=st.sampled_from(
        [b"", b"RIFF\0\0\0\0WAVEfmt ", b"RIFF\x99\0\0\0WEBPVP8 ", b"ID3\4\0\0", b"\xff\xf1", b"\xff\xfb"]
    ),
    tail=st.binary(max_size=300),
    size=st.none() | st.integers(0, 10**9),
)
def test_no_beginning_fails(start: bytes, tail: bytes, size: int | None) -> None:
    facts_of_head(start + tail, size)
    facts_of_head(b"\0\0\0\x10ftypisom\0\0\0\0" + tail, size)
    facts_of_head(b"\0\0\0\x10ftypheic\0\0\0\0" + tail, size)
    facts_of_head(b"\0\0\0\x10ftypavif\0\0\0\0\0\0\1\0meta\0\0\0\0" + tail, size)


def test_what_is_none_of_them_is_nothing() -> None:
    assert facts_of_head(b"") is None
    assert facts_of_head(b"<html><body>Not found</body></html>") is None
