"""Why a task failed, as far as the words of whoever made it tell: content, a picture, an address.

Every way to Kling's models passes on the same words in the end, so they are read in one place.
"""

from __future__ import annotations

import re
from typing import Literal

from kling_tools.model import errors

FailureKind = Literal["moderated", "bad_media", "input_unreachable", ""]

#: Beyond this a message is no message, and no pattern is run over it.
READ_CHARACTERS = 4096

UNFETCHED = re.compile(
    r"contents? of the (file|url)"
    r"|(fail\w*|unable|could\s?n[o']t|could not|cannot|can't)\s+(to\s+)?(be\s+)?(get|fetch|download|retriev)"
    r"|download\w*\s+(\w+\s+){0,3}(fail|error|time)"
    r"|下载失败|无法(下载|访问|获取)",
    re.IGNORECASE,
)
MODERATED = re.compile(
    r"risk\s+control|content\s+(safety|security|polic|moderation)|moderation"
    r"|sensitive\s+(content|word|information|material)|violat\w*\s+.{0,80}(polic|guideline|rule|terms)"
    r"|prohibited\s+content|inappropriate\s+content|风控|敏感|违规|审核",
    re.IGNORECASE | re.DOTALL,
)
_PIXELS = re.compile(r"pixels?\s+(is|are)\s+(invalid|not\s+valid)|invalid\s+(image\s+|picture\s+)?pixel", re.IGNORECASE)


def failure_reason(message: str) -> tuple[FailureKind, str]:
    """Return what kind of failure the reason of a failed task tells of, and what to do; empty when it tells neither.

    The kinds are the codes of our errors; Kling sends such failures with HTTP 200 and code 0 (kling-official 9.1).
    """
    head = message[:READ_CHARACTERS]
    if MODERATED.search(head):
        return "moderated", errors.Moderated.advice
    if _PIXELS.search(head):
        return "bad_media", (
            "Use a picture whose sides have at least 300 pixels, none longer than 2.5 times the other, as JPEG or PNG."
        )
    if UNFETCHED.search(head):
        return "input_unreachable", errors.InputUnreachable.advice
    return "", ""
