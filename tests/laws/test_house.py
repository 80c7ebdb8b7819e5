"""Laws of the whole house, read from its source and from what an import brings along."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from kling_tools.model.requests import SpendingRequest
from kling_tools.operations.all import ALL, BUYING
from kling_tools.operations.operation import Operation

ROOT = Path(__file__).parents[2]
MOST_LINES = 400
MOST_FUNCTION_LINES_P90 = 35
LONGEST_SLEEP = 0.05
#: What an import of the tools must not bring along: it is loaded where it is used, because start-up is measured.
HEAVY = ("PIL", "jwt", "uvicorn", "kling_sandbox", "imageio_ffmpeg", "platformdirs", "starlette", "mcp", "psycopg")
#: Files of operations/ that are not a tool.
FURNITURE = {"__init__", "all", "answers", "next_steps", "capabilities", "operation", "showing", "spending"}
#: Made by the table, because it works on other tools of the table.
MADE_BY_THE_TABLE = {"estimate_cost"}
#: Names that say nothing about what is inside.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "service"}
#: Who may look at the environment, and then only when asked: the settings, a child process's own, a child server's own,
#: and who has to know where other programs keep their configuration.
READERS = {
    "tools/kling_tools/settings.py",
    "tools/kling_tools/files/children.py",
    "server/kling_mcp/demo.py",
    "server/kling_mcp/install.py",
}


def modules(*folders: str) -> list[tuple[str, ast.Module]]:
    """Return path and tree of every module below the folders."""
    return [module for folder in folders for module in _below(folder)]


@cache
def _below(folder: str) -> tuple[tuple[str, ast.Module], ...]:
    paths = sorted((ROOT / folder).rglob("*.py"))
    return tuple((path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"))) for path in paths)


def at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node that runs when the module is imported: all but what lies in functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield node
        yield from at_import(node)


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` for a name or attribute, or nothing."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def test_the_laws_see_the_house() -> None:
    assert len(modules("server", "tools")) > 50
    assert len(modules("tests")) > 20


def test_no_file_is_longer_than_a_person_reads_at_once() -> None:
    lengths = {path: len((ROOT / path).read_text("utf-8").splitlines()) for path, _ in modules("server", "tools")}
    assert {path: n for path, n in lengths.items() if n > MOST_LINES} == {}


def test_nine_functions_of_ten_fit_on_a_screen() -> None:
    lengths = sorted(
        (node.end_lineno or node.lineno) - node.lineno + 1
        for _, tree in modules("server", "tools")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert lengths[int(len(lengths) * 0.9)] <= MOST_FUNCTION_LINES_P90


def test_every_module_says_what_it_is_for() -> None:
    silent = [path for path, tree in modules("server", "tools", "tests") if not ast.get_docstring(tree)]
    assert silent == []


def test_names_say_what_is_inside() -> None:
    named = [(path, word) for path, _ in modules("server", "tools", "tests") for word in re.split(r"[/_.]", path)]
    named += [
        (f"{path}:{node.lineno}", re.sub(r".*[a-z](?=[A-Z])", "", node.name).lower())
        for path, tree in modules("server", "tools")
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    ]
    assert [place for place, word in named if word in EMPTY_NAMES] == []


def is_command(path: str) -> bool:
    """Whether a file is run by people: it prints a table, and waits for real processes."""
    return path.startswith(("tests/benchmarks/", "tests/conformance/", "tests/examples/", "tests/grids/"))


def test_nothing_prints_because_stdout_is_the_protocol() -> None:
    calls = [
        f"{path}:{node.lineno}"
        for path, tree in modules("server", "tools", "tests")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and dotted(node.func) in {"print", "pprint.pprint"} and not is_command(path)
    ]
    assert calls == []


def test_no_test_patches_a_name() -> None:
    patched = []
    for path, tree in modules("tests"):
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            source = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            if any("mock" in name.lower() and name != "MockTransport" for name in [*names, *source.split(".")]):
                patched.append(f"{path}:{node.lineno}")  # type: ignore[attr-defined]
            if isinstance(node, ast.Attribute) and dotted(node) in {
                "monkeypatch.setattr",
                "mocker.patch",
                "mock.patch",
            }:
                patched.append(f"{path}:{node.lineno}")
            if isinstance(node, ast.Name) and node.id in {"MagicMock", "AsyncMock", "mocker"}:
                patched.append(f"{path}:{node.lineno}")
    assert patched == []


def test_no_test_sleeps() -> None:
    slept = [
        f"{path}:{node.lineno}"
        for path, tree in modules("tests")
        if not is_command(path)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and dotted(node.func) in {"time.sleep", "asyncio.sleep", "anyio.sleep", "sleep"}
        for argument in node.args
        if isinstance(argument, ast.Constant) and float(argument.value) > LONGEST_SLEEP  # type: ignore[arg-type]
    ]
    assert slept == []


def test_the_environment_is_read_when_asked_and_by_few() -> None:
    def reads(nodes: Iterator[ast.AST]) -> bool:
        return any(dotted(n) in {"os.environ", "os.getenv", "os.environb"} for n in nodes)

    house = modules("server", "tools")
    assert [path for path, tree in house if reads(at_import(tree))] == []
    assert {path for path, tree in house if reads(ast.walk(tree))} <= READERS


def test_every_tool_has_a_file_of_its_name_and_every_file_a_tool_in_the_table() -> None:
    folder = ROOT / "tools/kling_tools/operations"
    files = {path.stem for path in folder.glob("*.py")} - FURNITURE
    assert files == {op.name for op in ALL}
    assert len(ALL) == len(files)
    for op in ALL:
        room = import_module(f"kling_tools.operations.{op.name}")
        ready = [thing for thing in vars(room).values() if isinstance(thing, Operation)]
        assert ready == ([] if op.name in MADE_BY_THE_TABLE else [op])


def test_every_tool_that_spends_can_be_estimated() -> None:
    assert {op.name for op in BUYING} == {op.name for op in ALL if issubclass(op.request, SpendingRequest)}
    assert {op.name for op in ALL if op.effect == "spends"} < {op.name for op in BUYING}


def child(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Python of our own with the house on its path."""
    path = os.pathsep.join(str(ROOT / part) for part in ("server", "tools"))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def test_importing_the_tools_brings_nothing_heavy_along() -> None:
    code = (
        "import sys, kling_tools.operations.all, kling_tools.studio\n"
        f"sys.stdout.write(' '.join(m for m in {HEAVY!r} if m in sys.modules))"
    )
    done = child("-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == []


def test_imports_go_down_only() -> None:
    pytest.importorskip("importlinter")
    done = child("-c", "from importlinter.cli import lint_imports_command as c; c(['--no-cache'])")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_the_laws_notice_what_they_forbid() -> None:
    def found(source: str) -> list[Any]:
        return [n for n in at_import(ast.parse(source)) if dotted(n) == "os.environ"]

    assert found("import os\nX = os.environ['A']")
    assert found("class A:\n    x = os.environ")
    assert not found("def f():\n    return os.environ")
