"""A media argument is one string, and what it names is told from the string alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.promises import keeps

from kling_tools.model.errors import BadMedia
from kling_tools.model.media import FileRef, MediaKind, MediaRef, Medium, TaskRef, UrlRef, parse_media
from kling_tools.studio.deciding import new_task_id

TAKEN: list[tuple[str, MediaRef]] = [
    ("/videos/fox.png", FileRef(Path("/videos/fox.png"))),
    ("fox.png", FileRef(Path("fox.png"))),
    ("./a b/fox 1.png", FileRef(Path("a b/fox 1.png"))),
    ("  fox.png \n", FileRef(Path("fox.png"))),
    ("~/fox.png", FileRef(Path.home() / "fox.png")),
    ("画像/狐.png", FileRef(Path("画像/狐.png"))),
    ("./fox: the movie.png", FileRef(Path("fox: the movie.png"))),
    (r"C:\Users\ada\fox.png", FileRef(Path(r"C:\Users\ada\fox.png"))),
    ("C:/Users/ada/fox.png", FileRef(Path("C:/Users/ada/fox.png"))),
    (r"\\server\share\fox.png", FileRef(Path(r"\\server\share\fox.png"))),
    ("file:///videos/fox.png", FileRef(Path("/videos/fox.png"))),
    ("file:///videos/red%20fox.png", FileRef(Path("/videos/red fox.png"))),
    ("FILE:///videos/fox.png", FileRef(Path("/videos/fox.png"))),
    ("file://localhost/videos/fox.png", FileRef(Path("/videos/fox.png"))),
    ("https://example.com/fox.png?size=large#x", UrlRef("https://example.com/fox.png?size=large#x")),
    ("HTTPS://example.com/fox.png", UrlRef("HTTPS://example.com/fox.png")),
    ("k0123456789ab", TaskRef("k0123456789ab")),
    ("k0123456789ab#2", TaskRef("k0123456789ab", 2)),
    ("k0123456789ab#12", TaskRef("k0123456789ab", 12)),
    ("kling://tasks/k0123456789ab", TaskRef("k0123456789ab")),
    ("kling://tasks/k0123456789ab/video", TaskRef("k0123456789ab")),
    ("kling://tasks/k0123456789ab/video#2", TaskRef("k0123456789ab", 2)),
    ("k0123456789ab#x", FileRef(Path("k0123456789ab#x"))),
    ("k0123456789ab/video", FileRef(Path("k0123456789ab/video"))),
    ("k0123456789ab.png", FileRef(Path("k0123456789ab.png"))),
    ("K0123456789AB", FileRef(Path("K0123456789AB"))),
]


@pytest.mark.parametrize(("text", "named"), TAKEN, ids=[text.strip() for text, _ in TAKEN])
def test_a_string_names_a_file_an_address_or_a_task(text: str, named: MediaRef) -> None:
    assert parse_media(text) == named


REFUSED = {
    "http://example.com/fox.png": "https",
    "HTTP://example.com/fox.png": "https",
    "data:image/png;base64,iVBORw0KGgo=": "Inline",
    "DATA:image/png;base64,iVBORw0KGgo=": "Inline",
    "iVBORw0KGgo" * 1000: "Inline",
    "iVBORw0KGgo\n" * 1000: "Inline",
    "javascript:alert(1)": "javascript",
    "ftp://example.com/fox.png": "ftp",
    "fox: the movie.png": "fox",
    "s3://bucket/fox.png": "s3",
    "kling://tasks/k0123456789ab/sheet": "no task's file",
    "kling://models/kling-3.0": "no task's file",
    "k0123456789ab#0": "counted from #1",
    "": "empty",
    "   ": "empty",
    "fox\0.png": "",
    "file:///videos/fox%00.png": "",
    "file://server/share/fox.png": "",
    "file:": "",
    "https://": "",
    "https:fox.png": "",
    "https://[fox.png": "",
    "http://[fox.png": "",
    "file://[fox.png": "",
    "~nobody-has-this-name/fox.png": "",
}


@pytest.mark.parametrize(("text", "named"), REFUSED.items(), ids=[text[:40] for text in REFUSED])
@keeps("nothing-impossible")
def test_what_cannot_be_a_picture_is_refused_with_a_way_out(text: str, named: str) -> None:
    with pytest.raises(BadMedia) as caught:
        parse_media(text)
    assert named in caught.value.message
    assert caught.value.advice
    assert len(caught.value.message) < 300


@given(st.text(max_size=60) | st.from_regex(r"[a-z]{2,6}:(//)?[ -~]{0,20}", fullmatch=True))
@example("https://[::1")
@example("~\udcff/x")
def test_any_text_names_something_or_is_refused_in_our_words(text: str) -> None:
    try:
        ref = parse_media(text)
    except BadMedia:
        return
    assert isinstance(ref, FileRef | UrlRef | TaskRef)
    if isinstance(ref, FileRef):
        assert "\0" not in str(ref.path)


def test_a_fresh_task_id_is_taken_for_a_task() -> None:
    ids = {new_task_id() for _ in range(200)}
    assert len(ids) == 200
    assert all(parse_media(i) == TaskRef(i) for i in ids)


@pytest.mark.parametrize("kind", ["image", "audio"])
def test_a_medium_keeps_its_bytes_out_of_its_repr(kind: MediaKind) -> None:
    shown = repr(Medium(kind=kind, data=b"secret-bytes", width=2, height=3, mime="image/png"))
    assert "secret-bytes" not in shown
    assert f"{kind}, 12 bytes, 2x3" in shown


def test_a_medium_by_address_or_id_shows_which() -> None:
    assert "https://a.test/1.mp4" in repr(Medium(kind="video", url="https://a.test/1.mp4"))
    assert "v-1" in repr(Medium(kind="video", remote_id="v-1"))
