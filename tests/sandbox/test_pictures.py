"""Images that are sent in (kling-official 3.1, 11)."""

from __future__ import annotations

import base64
import struct
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from tests.sandbox.conftest import House, base64_of, jpeg

pytestmark = pytest.mark.anyio


def header_png(width: int, height: int, padding: int = 0) -> bytes:
    """A PNG that claims a size and holds nothing."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n\0\0\0\r" + chunk + struct.pack(">I", zlib.crc32(chunk)) + b"\0" * padding


async def send(house: House, picture: str):
    contents = [{"type": "prompt", "text": "it moves"}, {"type": "first_frame", "url": picture}]
    return await house.call("POST", "/image-to-video/kling-3.0", json={"contents": contents})


async def send_legacy(house: House, picture: str):
    body = {"model_name": "kling-v3", "prompt": "it moves", "image": picture}
    return await house.call("POST", "/v1/videos/image2video", json=body)


REFUSED = {
    "a data prefix": f"data:image/jpeg;base64,{base64_of(jpeg())}",
    "no base64": "§§§",
    "a file path": "/etc/passwd",
    "another scheme": "file:///etc/passwd",
    "a gif": base64_of(b"GIF89a" + b"\0" * 50),
    "a webp": base64_of(b"RIFF\0\0\0\0WEBPVP8 "),
    "too small": base64_of(jpeg(size=(299, 600))),
    "too wide": base64_of(jpeg(size=(752, 300))),
    "too tall": base64_of(jpeg(size=(300, 752))),
    "a jpeg cut in its header": base64_of(jpeg()[:20]),
}


@pytest.mark.parametrize("picture", REFUSED.values(), ids=REFUSED.keys())
async def test_a_wrong_image_is_1201(house, picture):
    for reply in (await send(house, picture), await send_legacy(house, picture)):
        assert (reply.status_code, reply.json()["code"]) == (400, 1201), reply.text
    assert await house.bought() == []


@pytest.mark.parametrize("size", [(300, 300), (750, 300), (300, 750)])
async def test_the_limits_themselves_are_allowed(house, size):
    assert (await send(house, base64_of(jpeg(size=size)))).status_code == 200


async def test_the_legacy_standard_takes_ten_megabytes_and_the_new_one_more(house):
    big = base64_of(header_png(400, 400, padding=11 * 1024 * 1024))
    assert (await send_legacy(house, big)).json()["code"] == 1201
    assert (await send(house, big)).json()["code"] == 0


async def test_an_image_of_too_many_pixels_is_accepted_and_then_fails(house):
    made = (await send(house, base64_of(header_png(13_000, 13_000)))).json()["data"]
    item = await house.finish(made["id"])
    assert (item["status"], item["message"]) == ("failed", "Image pixel is invalid")


async def test_the_same_image_is_kept_once(house, tmp_path):
    await send(house, base64_of(jpeg()))
    await send(house, base64_of(jpeg()))
    assert len(list((tmp_path / "images").iterdir())) == 1


async def test_a_url_on_another_host_is_accepted_without_touching_the_network(house):
    assert (await send(house, "https://cdn.kling.invalid/a.png")).status_code == 200
    (task,) = await house.bought()
    assert task["first_frame"] == "url:cdn.kling.invalid"


async def test_our_own_video_is_no_image(house):
    item = await house.finish((await house.buy())["id"])
    reply = await send(house, item["outputs"][0]["url"])
    assert reply.json()["code"] == 1201
    assert "format" in reply.json()["message"]


@pytest.fixture
def shelf() -> Iterator[str]:
    """A small web server on loopback."""

    class Shelf(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/away":
                self.send_response(302)
                self.send_header("location", "http://kling.invalid/a.jpg")
                self.end_headers()
                return
            found = self.path == "/a.jpg"
            self.send_response(200 if found else 404)
            self.end_headers()
            if found:
                self.wfile.write(jpeg("green"))

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = HTTPServer(("127.0.0.1", 0), Shelf)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_loopback_url_is_fetched(house, shelf, tmp_path):
    assert (await send(house, f"{shelf}/a.jpg")).status_code == 200
    (kept,) = (tmp_path / "images").iterdir()
    assert kept.read_bytes() == jpeg("green")


@pytest.mark.parametrize("path", ["/missing.jpg", "/away"])
async def test_a_url_that_gives_nothing_is_1201(house, shelf, path):
    reply = await send(house, shelf + path)
    assert reply.json()["code"] == 1201
    assert "contents of the file" in reply.json()["message"]


async def test_base64_with_line_breaks_is_read(house):
    assert (await send(house, base64.encodebytes(jpeg()).decode())).status_code == 200
