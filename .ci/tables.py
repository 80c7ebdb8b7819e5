"""Write the README's generated tables from the code, or check that they are up to date.

python .ci/tables.py           writes README.md
python .ci/tables.py --check   exits 1 where the README and the code differ
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from kling_tools.catalog.catalog import Catalog
from kling_tools.model.requests import ListModels
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
    """Every model with what it makes and costs, and in one line those that are off."""
    catalog = Catalog.read()
    facts = capability_map(catalog, ListModels())
    rows = [
        (
            f"`{m.model}`{', with an API key only' if m.needs else ''}",
            ", ".join(f"`{tool}`" for tool in m.tools),
            m.seconds,
            " ".join(m.resolutions),
            m.audio,
            prices(m.prices) or "not known",
        )
        for m in facts.models
    ]
    table = _table(("model", "makes, by", "seconds", "resolutions", "sound", "US dollars"), rows)
    off = [f"`{m.id}`" for m in catalog.tables.model if not m.enabled]
    known = f"Known and switched off, since no official path of theirs is public: {', '.join(off)}." if off else ""
    dated = f"Models as of {facts.checked}: {facts.source}; prices as of {catalog.tables.prices_checked}: "
    return f"{table}\n\n{known}\n\n{dated}{catalog.tables.prices_source}."


def prices(told: Mapping[str, str]) -> str:
    """Return `silent 0.084, 1080p 0.112, 4k 0.42; audio ... per second`, with each way and each unit told once."""
    units: dict[str, dict[str, list[str]]] = {}
    for way, price in told.items():
        amount, _, unit = price.partition(" per ")
        feature, _, resolution = way.partition(" ")
        of = units.setdefault(unit, {}).setdefault(feature.removeprefix("use"), [])
        of.append(" ".join(part for part in (resolution, amount.removeprefix("$")) if part))
    return "; ".join(
        f"{'; '.join(' '.join(p for p in (way, ', '.join(amounts)) if p) for way, amounts in ways.items())} per {unit}"
        for unit, ways in units.items()
    )


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
