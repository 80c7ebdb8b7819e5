"""The envelope every answer wears, and the error codes that go in it (kling-official 2.1, 9.1)."""

from __future__ import annotations

import secrets
from typing import Any, Final

from starlette.responses import JSONResponse

# HTTP status by code. 429 says nothing by itself: 1100-1102 and 1304 never heal.
STATUS: Final[dict[int, int]] = {
    0: 200,
    1000: 401,
    1001: 401,
    1002: 401,
    1003: 401,
    1004: 401,
    1100: 429,
    1101: 429,
    1102: 429,
    1103: 403,
    1200: 400,
    1201: 400,
    1202: 404,
    1203: 404,
    1300: 400,
    1301: 400,
    1302: 429,
    1303: 429,
    1304: 429,
    5000: 500,
    5001: 503,
    5002: 504,
}


class Refusal(Exception):
    """The API says no; nothing was created."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> Refusal:
    """Build the refusal for a wrong value: 400/1201."""
    return Refusal(1201, message)


def request_id() -> str:
    """Mint the id that every answer carries."""
    return secrets.token_hex(16)


def success(data: Any) -> JSONResponse:
    """Answer code 0. A failed task comes this way too: only its status tells (kling-official 9.1)."""
    return JSONResponse({"code": 0, "message": "SUCCEED", "request_id": request_id(), "data": data})


def failure(code: int, message: str, status: int | None = None) -> JSONResponse:
    """Answer an error. `data` is absent, as the real API leaves it for 1303."""
    body = {"code": code, "message": message, "request_id": request_id()}
    return JSONResponse(body, status_code=status or STATUS.get(code, 500))
