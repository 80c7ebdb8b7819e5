"""A sound's format and length by its bytes: real files, cut ones, and files made to mislead or to cost time."""

from __future__ import annotations

import random
import struct
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kling_tools.files.sounds import BrokenSound, SoundFacts, read_sound, sniff_sound


def wav(seconds: float = 1.0, *, code: int = 1, told: int | None = None, before: bytes = b"") -> bytes:
    """Return 16-bit mono at 8 kHz; `told` is the size that its data chunk claims."""
    body = bytes(int(seconds * 8000) * 2)
    form = struct.pack("<HHIIHH", code, 1, 8000, 16000, 2, 16)
    if code == 0xFFFE:
        form += struct.pack("<HHIH", 22, 16, 4, 1) + bytes(14)
    chunks = b"WAVE" + before + b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(body) if told is None else told) + body
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def soon(data: bytes) -> SoundFacts | None:
    """Read what may be anything; only BrokenSound may come out, and soon."""
    begun = time.process_time()
    try:
        return read_sound(data)
    except BrokenSound:
        return None
    finally:
        assert time.process_time() - begun < 0.25  # a slow machine is allowed five times the 50 ms


@pytest.mark.parametrize("kind", ["mp3", "wav", "m4a", "aac"])
def test_a_real_sound_tells_format_and_length(sounds: dict[str, Path], kind: str) -> None:
    data = sounds[kind].read_bytes()
    assert sniff_sound(data[:32]) == kind
    for facts in (read_sound(sounds[kind]), read_sound(data)):
        assert (facts.kind, facts.size) == (kind, len(data))
        assert facts.seconds == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("kind", ["plain", "vbr", "tagged", "isom"])
def test_other_ways_to_write_the_same_sound_have_the_same_length(sounds: dict[str, Path], kind: str) -> None:
    facts = read_sound(sounds[kind])
    assert facts.kind == ("m4a" if kind == "isom" else "mp3")
    assert facts.seconds == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("kind", ["mp3", "plain", "vbr", "wav", "m4a", "aac"])
def test_a_sound_cut_in_half_is_refused(sounds: dict[str, Path], kind: str) -> None:
    data = sounds[kind].read_bytes()
    with pytest.raises(BrokenSound, match="missing"):
        read_sound(data[: len(data) // 2 - 1])


def test_an_mp3_without_an_index_is_walked_over_tags_and_damage(sounds: dict[str, Path]) -> None:
    plain = sounds["plain"].read_bytes()
    middle = len(plain) // 2
    for data in (
        plain + b"TAG" + bytes(125),
        plain + bytes(9000),
        b"ID3\x04\0\0\0\0\x07\x76" + bytes(1014) + plain,
        plain[:middle] + random.Random(1).randbytes(900) + plain[middle:],
        plain + plain,
    ):
        assert read_sound(data).seconds == pytest.approx(6 if data == plain + plain else 3, abs=0.3)


def test_the_index_of_one_part_is_not_believed_for_the_whole(sounds: dict[str, Path]) -> None:
    indexed = sounds["mp3"].read_bytes()
    assert read_sound(indexed + indexed + indexed).seconds == pytest.approx(9, abs=0.3)


def test_an_index_with_impossible_figures_is_not_believed(sounds: dict[str, Path]) -> None:
    data = bytearray(sounds["mp3"].read_bytes())
    at = data.index(b"Info") if b"Info" in data else data.index(b"Xing")
    data[at + 8 : at + 12] = b"\x0f\xff\xff\xff"
    assert read_sound(bytes(data)).seconds == pytest.approx(3, abs=0.2)


def test_a_wav_is_measured_by_its_samples_however_its_header_lies() -> None:
    assert read_sound(wav(2)).seconds == 2
    assert read_sound(wav(2, code=0xFFFE)).seconds == 2
    for streamed in (0, 0xFFFFFFFF, 0x7FFFF000):
        assert read_sound(wav(2, told=streamed)).seconds == 2
    odd = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    assert read_sound(wav(2, before=odd)).seconds == 2
    with pytest.raises(BrokenSound, match="end is missing"):
        read_sound(wav(2, told=99_999))


def contradictory() -> bytes:
    """Return a WAV whose header claims a tenth of its bytes in a second."""
    return wav(2).replace(struct.pack("<II", 8000, 16000), struct.pack("<II", 8000, 1600))


HOSTILE = {
    "empty": b"",
    "text": b"password=hunter2\n" * 99,
    "utf-16": "\ufeffhello".encode("utf-16") * 500,
    "only a tag": b"ID3\x04\0\0\0\0\x07\x76" + bytes(1014),
    "a tag without end": b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(50),
    "tags in tags": b"ID3\x04\0\0\0\0\0\0" * 100_000,
    "no samples": wav(0),
    "no data": wav(1)[:36],
    "chunks of nothing": b"RIFF\0\0\0\0WAVE" + b"abcd\0\0\0\0" * 500_000,
    "a lying header": contradictory(),
    "all ones": b"\xff" * 5_000_000,
    "one frame and noise": b"\xff\xfb\x90\x00" + random.Random(2).randbytes(500_000),
    "a video": b"\0\0\0\x18ftypisom" + bytes(100),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_sound_is_refused_soon(name: str) -> None:
    assert soon(HOSTILE[name]) is None


@pytest.mark.parametrize(
    "frame",
    [b"\xff\xf3\x14\xc0" + bytes(20), b"\xff\xf1\x50\x80\x01\x1f\xfc\0", b"\xff\xf1\x6c\x80\x01\x1f\xfc\0"],
    ids=["smallest mp3", "smallest aac", "slow aac"],
)
def test_the_most_frames_that_fit_cost_no_more_time(frame: bytes) -> None:
    data = frame * (5_000_000 // len(frame))
    facts = soon(data)
    assert facts
    assert facts.seconds > 1000  # reckoned from those that were walked
    lying = soon(data[: len(data) // 2] + b"\xff" * 2_500_000)
    assert lying is None or lying.seconds > 100


def test_a_video_is_no_sound(clips: dict[str, Path]) -> None:
    with pytest.raises(BrokenSound, match="video"):
        read_sound(clips["wide"])


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.mp3", Path("/dev/zero"), Path("nul\0byte")):
        with pytest.raises(BrokenSound, match="cannot be read"):
            read_sound(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["mp3", "plain", "vbr", "wav", "m4a", "aac"]),
    edits=st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=8)), min_size=1, max_size=5),
    cut=st.integers(0, 60_000),
)
def test_a_mutated_sound_never_raises_anything_else(
    sounds: dict[str, Path], kind: str, edits: list[tuple[int, bytes]], cut: int
) -> None:
    data = bytearray(sounds[kind].read_bytes())
    for at, patch in edits:
        start = at % min(len(data), 200) if at % 2 else at % len(data)
        data[start : start + len(patch)] = patch
    facts = soon(bytes(data[: len(data) - cut % len(data)]))
    if facts:
        assert 0 < facts.seconds <= 86400
    sniff_sound(bytes(data[:16]))
