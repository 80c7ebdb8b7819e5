"""What the list of tools costs every conversation: bytes and tokens of name, description and input schema.

    python tests/benchmarks/toollist.py

Tokens are those of o200k_base where tiktoken has its table on this machine, else bytes / 4. Nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "server"), str(ROOT / "tools")]

from kling_mcp.bridge import tools_of  # noqa: E402
from kling_tools.operations.all import ALL  # noqa: E402

TABLE = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
BUDGET = 1500


def counter() -> tuple[str, Callable[[str], int]]:
    """Return the name of a way to count tokens, and the way."""
    asked = (os.environ.get("TIKTOKEN_CACHE_DIR"), os.environ.get("DATA_GYM_CACHE_DIR"))
    cache = Path(next((d for d in asked if d), os.path.join(tempfile.gettempdir(), "data-gym-cache")))
    if (cache / hashlib.sha1(TABLE.encode()).hexdigest()).is_file():
        import tiktoken

        encoding = tiktoken.get_encoding("o200k_base")
        return "tiktoken o200k_base", lambda text: len(encoding.encode(text))
    return "an approximation: bytes / 4", lambda text: -(-len(text.encode()) // 4)


def main() -> int:
    """Measure and print; 1 if the list is over its budget."""
    how, count = counter()
    size = total = 0
    print(f"{'tool':<16} {'bytes':>6} {'tokens':>6}")
    for operation in ALL:
        tool = tools_of([operation])[operation.name]
        told = {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}
        text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        size, total = size + len(text.encode()), total + count(text)
        print(f"{tool.name:<16} {len(text.encode()):>6} {count(text):>6}")
    print(f"{'all':<16} {size:>6} {total:>6}  (budget {BUDGET}; tokens by {how})")
    return int(total > BUDGET)


if __name__ == "__main__":
    sys.exit(main())
