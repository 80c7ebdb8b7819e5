"""Every test that speaks MCP to a server does so in both protocol eras: read from the source of the tests.

Scenarios are left out: whole processes cost too much to run each twice, so every host there says its era, and the
hosts of one scenario, or of its neighbours, share them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Where tests open sessions.
FOLDERS = ("tests/server", "tests/gallery", "tests/operations")
#: They speak no MCP: the command line, what it installs, and what it tells people of the journal.
SPEECHLESS = {"test_callback_answers.py", "test_cli.py", "test_edits.py", "test_install.py", "test_tasks_commands.py"}
#: What serves or opens a session; whoever uses one, even by way of others, speaks to a server.
OPENERS = {
    "mcp.client.Client",
    "kling_mcp.app.build_server",
    "kling_mcp.bridge.OperationServer",
    "kling_mcp.web.app.web_app",
    "tests.server.serving.a_server",
    "tests.server.test_stdio.running",
}

Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Room:
    """A module of tests: what it defines, and where what it names comes from."""

    def __init__(self, tree: ast.Module, module: str = "") -> None:
        self.module = module
        self.defined: dict[str, Defined] = {node.name: node for node in tree.body if isinstance(node, Defined)}
        self.imported = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            if isinstance(node, ast.ImportFrom)
            else alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        self.fixtures = {
            name
            for name, node in self.defined.items()
            if any("pytest.fixture" in names(mark) for mark in node.decorator_list)
        }
        marks = [node.value for node in tree.body if isinstance(node, ast.Assign) and _is_named(node, "pytestmark")]
        self.in_both_eras = any("both_eras" in names(mark) for mark in marks)

    def tests(self) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
        """Yield every test."""
        for name, node in self.defined.items():
            if name.startswith("test_") and not isinstance(node, ast.ClassDef):
                yield name, node


def _is_named(node: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


@cache
def names(node: ast.AST) -> frozenset[str]:
    """Return every name that is used, `a.b` also as one."""
    found: set[str] = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            found.add(one.id)
        elif isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name):
            found.add(f"{one.value.id}.{one.attr}")
    return frozenset(found)


@cache
def room(module: str) -> Room | None:
    """Return a module of tests by its dotted name."""
    path = ROOT / f"{module.replace('.', '/')}.py"
    return Room(ast.parse(path.read_text("utf-8")), module) if module.startswith("tests.") and path.is_file() else None


def speaks(within: Room, node: Defined, seen: set[str] | None = None) -> bool:
    """Whether something of a room opens a session, by itself or by what it uses."""
    seen = set() if seen is None else seen
    given = set() if isinstance(node, ast.ClassDef) else {argument.arg for argument in node.args.args}
    for name in (names(node) - given) | (given & within.fixtures):
        whole = within.imported.get(name, f"{within.module}.{name}")
        if whole in OPENERS:
            return True
        module, _, inside = whole.rpartition(".")
        other = within if module == within.module else room(module)
        if other is None or inside not in other.defined or whole in seen:
            continue
        seen.add(whole)
        if speaks(other, other.defined[inside], seen):
            return True
    return False


def in_both_eras(within: Room, test: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a test is run in both eras, and skips neither."""
    marked = within.in_both_eras or any("both_eras" in names(mark) for mark in test.decorator_list)
    skips = any(
        isinstance(node, ast.If) and "era" in names(node.test) and "pytest.skip" in names(node)
        for node in ast.walk(test)
    )
    return marked and "era" in {argument.arg for argument in test.args.args} and not skips


def single(within: Room) -> list[str]:
    """Return the tests of a room that speak to a server in one era only."""
    return [name for name, test in within.tests() if speaks(within, test) and not in_both_eras(within, test)]


def rooms(folder: str) -> dict[str, Room]:
    """Return the tests of a folder by the names of their files."""
    found = {path.name: room(f"{folder.replace('/', '.')}.{path.stem}") for path in (ROOT / folder).glob("test_*.py")}
    return {name: within for name, within in found.items() if within is not None}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_test_that_speaks_to_a_server_does_so_in_both_eras(folder: str) -> None:
    assert {name: tests for name, within in rooms(folder).items() if (tests := single(within))} == {}


def test_only_what_speaks_no_mcp_has_no_test_in_both_eras() -> None:
    found = rooms("tests/server")
    assert len(found) > 20
    assert {name for name, within in found.items() if not any(in_both_eras(within, t) for _, t in within.tests())} == (
        SPEECHLESS
    )


@pytest.mark.parametrize(
    ("source", "caught"),
    [
        ("async def test_it():\n    async with session(serving(None), 'auto'):\n        pass", True),
        ("@both_eras\nasync def test_it(era):\n    async with session(serving(None), era):\n        pass", False),
        ("@both_eras\nasync def test_it():\n    async with session(serving(None), 'auto'):\n        pass", True),
        ("pytestmark = [both_eras]\ndef test_it(era):\n    session(serving(None), era)", False),
        (
            "@both_eras\ndef test_it(era):\n    if era == 'auto':\n        pytest.skip('x')\n    session(None, era)",
            True,
        ),
        ("@pytest.fixture\ndef house():\n    return serving(None)\n\ndef test_it(house):\n    house.ask()", True),
        ("def asked():\n    return serving(None)\n\ndef test_it():\n    asked()", True),
        ("def test_it():\n    assert settings_in(None)", False),
    ],
)
def test_the_law_notices_what_it_forbids(source: str, caught: bool) -> None:
    imports = "import pytest\nfrom tests.server.acting import both_eras, serving, session, settings_in\n"
    assert single(Room(ast.parse(imports + source))) == (["test_it"] if caught else [])
