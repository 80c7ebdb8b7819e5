"""Write the README's generated tables from the code, or check that they are up to date.

python .ci/tables.py           writes README.md
python .ci/tables.py --check   exits 1 where the README and the code differ
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path

from kling_tools.catalog import catalog
from kling_tools.catalog.data import read_models, read_prices
from kling_tools.model.money import dollars
from kling_tools.operations.all import ALL
from kling_tools.operations.capabilities import capability_map
from kling_tools.settings import VARIABLES

README = Path(__file__).parent.parent / "README.md"


def tools() -> str:
    """Every tool, what it costs, and its words."""
    return _table(
        ("tool", "effect", "what it does"),
        ((f"`{op.name}`", op.effect, op.description) for op in ALL),
    )


def models() -> str:
    """Every model with what it can do and costs."""
    facts = capability_map(catalog.models())
    rows = [
        (
            f"`{m.model}`",
            m.seconds,
            " ".join(m.resolutions),
            m.audio,
            " ".join(m.last_image) or "no",
            ", ".join(f"{dollars(Decimal(usd))} {what}" for what, usd in m.usd_per_second.items()),
        )
        for m in facts.models
    ]
    table = _table(("model", "seconds", "resolutions", "sound", "last frame", "US dollars a second"), rows)
    return f"{table}\n\nAs of {read_models().checked} and {read_prices().checked}: {read_prices().source}."


def settings() -> str:
    """Every environment variable."""
    return _table(("variable", "default", "meaning"), ((f"`{v.name}`", v.default or "–", v.meaning) for v in VARIABLES))


TABLES: dict[str, Callable[[], str]] = {"tools": tools, "models": models, "settings": settings}


def filled(text: str) -> str:
    """Return the README with every generated part made anew."""
    for name, make in TABLES.items():
        begin, end = f"<!-- {name}: generated -->\n", "<!-- end -->"
        before, begun, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not (begun and ended):
            raise SystemExit(f"README.md has no place for the table of {name}.")
        text = f"{before}{begin}{make()}\n{end}{after}"
    return text


def main() -> int:
    """Write or check."""
    text = README.read_text("utf-8")
    wanted = filled(text)
    if "--check" in sys.argv:
        if wanted != text:
            sys.stderr.write("README.md is out of date: run python .ci/tables.py\n")
            return 1
        return 0
    README.write_text(wanted, "utf-8")
    return 0


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, tuple("---" for _ in head), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
