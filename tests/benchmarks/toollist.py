"""What the list of tools costs every conversation: bytes and tokens of name, description and input schema.

    python tests/benchmarks/toollist.py        exits 1 over one of the budgets

Tokens are those of o200k_base where tiktoken has its table on this machine, else bytes / 4. Nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "server"), str(ROOT / "tools")]

from kling_mcp.bridge import tools_of  # noqa: E402
from kling_tools.operations.all import ALL  # noqa: E402
from kling_tools.settings import DEFAULT_TOOLSETS  # noqa: E402

TABLE = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
MOST_TOOLS = 22
#: Tokens: of the tools that are offered unless the person asks for others, and of all of them.
DEFAULT_BUDGET = 3500
BUDGET = 5000


def counter() -> tuple[str, Callable[[str], int]]:
    """Return the name of a way to count tokens, and the way."""
    asked = (os.environ.get("TIKTOKEN_CACHE_DIR"), os.environ.get("DATA_GYM_CACHE_DIR"))
    cache = Path(next((d for d in asked if d), os.path.join(tempfile.gettempdir(), "data-gym-cache")))
    if (cache / hashlib.sha1(TABLE.encode()).hexdigest()).is_file():
        import tiktoken

        encoding = tiktoken.get_encoding("o200k_base")
        return "tiktoken o200k_base", lambda text: len(encoding.encode(text))
    return "an approximation: bytes / 4", lambda text: -(-len(text.encode()) // 4)


@dataclass(frozen=True)
class Cost:
    """What one tool costs; `default` where it is offered without being asked for."""

    name: str
    size: int
    tokens: int
    default: bool


def measured(count: Callable[[str], int]) -> list[Cost]:
    """Return what every tool costs."""
    costs = []
    for operation in ALL:
        tool = tools_of([operation])[operation.name]
        told = {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}
        text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        costs.append(Cost(tool.name, len(text.encode()), count(text), operation.toolset in DEFAULT_TOOLSETS))
    return costs


def over_budget(costs: list[Cost]) -> list[str]:
    """Return what is over its budget, in words."""
    default, total = sum(c.tokens for c in costs if c.default), sum(c.tokens for c in costs)
    sums = (("tools", len(costs), MOST_TOOLS), ("default tokens", default, DEFAULT_BUDGET), ("tokens", total, BUDGET))
    return [f"{what}: {number} of {most}" for what, number, most in sums if number > most]


def main() -> int:
    """Measure and print; 1 if the list is over a budget."""
    how, count = counter()
    costs = measured(count)
    print(f"{'tool':<16} {'bytes':>6} {'tokens':>6}")
    for cost in costs:
        print(f"{cost.name:<16} {cost.size:>6} {cost.tokens:>6}{'' if cost.default else '  on request'}")
    offered = [cost for cost in costs if cost.default]
    for name, some, most in (("default", offered, DEFAULT_BUDGET), ("all", costs, BUDGET)):
        print(f"{name:<16} {sum(c.size for c in some):>6} {sum(c.tokens for c in some):>6}  (budget {most})")
    print(f"{len(costs)} tools of at most {MOST_TOOLS}; tokens by {how}")
    over = over_budget(costs)
    print("\n".join(f"over budget: {line}" for line in over), end="\n" if over else "")
    return int(bool(over))


if __name__ == "__main__":
    sys.exit(main())
