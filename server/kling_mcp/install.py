"""`kling-mcp install`: one entry in a host's own configuration, or that entry on paper.

The file is a person's, and their host reads it at every start: it is replaced as a whole or not at all, with the old
one beside it, and what cannot be read is left as it is.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kling_mcp.edits import Uneditable, Unreadable
from kling_mcp.hosts import ENTRY, HOSTS, Host, Machine
from kling_mcp.terminal import say, say_prose
from kling_tools.files.storage import sync_directory

if TYPE_CHECKING:
    from argparse import Namespace

_BOM = b"\xef\xbb\xbf"
#: Directories whose contents go without notice; uvx runs from one.
_PASSING = frozenset({".cache", "cache", "caches"})
_NOT_INSTALLED = (
    "kling-mcp runs here from where no host would find it. Install it (uv tool install 'kling-mcp[media]', or pip "
    "install into an environment that stays) and run this again with the installed command."
)
#: What is ours in our entry; the rest is the person's once it stands there.
_START = frozenset({"type", "command", "args"})
Changes = dict[tuple[str | int, ...], Any]


class LeftAlone(Exception):
    """Why nothing was written; the message is for the person."""


def run(args: Namespace) -> int:
    """Install into the host that was named, or print what would be written."""
    starts = starting(Path(sys.argv[0]), Path(sys.executable), sys.platform, shutil.which)
    if starts is None:
        say_prose(_NOT_INSTALLED)
        return 1
    machine = Machine(Path.home(), Path.cwd(), sys.platform, starts, dict(os.environ))
    host = HOSTS[args.host]
    if args.print:
        return show(host, machine)
    return install(host, machine, with_keys=args.with_keys)


def starting(called: Path, python: Path, system: str, which: Callable[[str], str | None]) -> tuple[str, ...] | None:
    """Return the words that start this server from anywhere, as hosts have another PATH; None where nothing stays."""
    name = "kling-mcp.exe" if system == "win32" else "kling-mcp"
    beside = [called.absolute().with_name(name)] if called.stem == "kling-mcp" else []
    for script in (*beside, python.absolute().with_name(name)):
        if not script.is_file():
            continue
        if not _PASSING & {part.lower() for part in script.parts}:
            return (str(script),)
        if uvx := which("uvx"):
            return (str(Path(uvx).absolute()), "--from", "kling-mcp[media]", "kling-mcp")
    return None


def show(host: Host, machine: Machine) -> int:
    """Print the entry as the host's file has it; where it goes is said beside, on stderr. Never a key."""
    inputs = host.inputs(machine)
    whole = {**({"inputs": list(inputs)} if inputs else {}), host.table: {ENTRY: host.entry(machine)}}
    sys.stderr.write(f"For {host.title}, in {host.path(machine)}:\n")
    say(host.format.write(whole))
    sys.stderr.write(f"{host.then(machine)}\n")
    return 0


def install(host: Host, machine: Machine, *, with_keys: bool = False, stamp: str = "") -> int:
    """Write the entry and say what was done; 0 also where all of it was there, 2 where it makes no sense."""
    if with_keys and not host.keeps_keys:
        say_prose(f"{host.title} takes keys from elsewhere; none has to stand in its file. Leave --with-keys out.")
        return 2
    if with_keys and not machine.keys:
        say_prose("--with-keys finds no key: set KLING_API_KEY where you run this.")
        return 2
    keys = {name: machine.env[name].strip() for name in machine.keys} if with_keys else {}
    path = host.path(machine)
    try:
        before = _read(path)
        after = edited(host, machine, before or b"", keys)
        if after == before:
            say(f"{path} already has this entry.")
        else:
            backup = _backup(path, before, stamp or time.strftime("%Y%m%d-%H%M%S"))
            put_in_place(path, before, after, private=bool(keys))
            say(f"{host.title} has kling-mcp now, in {path}")
            if backup:
                say(f"The old file is beside it: {backup.name}")
    except LeftAlone as reason:
        say_prose(f"{path} was left as it is. {reason}")
        return 1
    say_prose(f"Quit {host.title} and start it again." if keys else host.then(machine))
    return 0


def edited(host: Host, machine: Machine, before: bytes, keys: Mapping[str, str]) -> bytes:
    """Return a host's file with our entry in it, and everything else as it was.

    Raises:
        LeftAlone: it cannot be read, or cannot be edited without losing something.
    """
    mark = _BOM if before.startswith(_BOM) else b""
    try:
        text = before.removeprefix(_BOM).decode()
        changes = _changes(host, machine, host.format.read(text), keys)
        return mark + host.format.put(text, changes).encode() if changes else before
    except (Unreadable, UnicodeDecodeError) as error:
        raise LeftAlone(f"{host.title} could not read it either: {error}. Mend it, then run this again.") from error
    except Uneditable as error:
        raise LeftAlone(f"It can be read, but {error}. Add by hand what --print shows.") from error


def _changes(host: Host, machine: Machine, data: Any, keys: Mapping[str, str]) -> Changes:
    """Return what has to change: how we are started always, and of the rest what is missing."""
    entry = host.entry(machine)
    if keys:
        entry["env"] = dict(keys)
    theirs = _object(_object(data, "the whole").get(host.table, {}), host.table).get(ENTRY)
    changes: Changes = {}
    if theirs is None:
        theirs = {}
        changes[host.table, ENTRY] = entry
    else:
        changes |= _mended((host.table, ENTRY), _object(theirs, ENTRY), entry, keys)
    # What the person has put in its place is not asked for.
    env = {**entry.get("env", {}), **_object(theirs.get("env", {}), "env")}
    asked = data.get("inputs", [])
    if not isinstance(asked, list):
        raise LeftAlone("Its inputs are not a list. Mend it, then run this again.")
    known = {each.get("id") for each in asked if isinstance(each, dict)}
    missing = [i for i in host.inputs(machine) if i["id"] not in known and f"${{input:{i['id']}}}" in env.values()]
    if missing and "inputs" not in data:
        return {("inputs",): missing, **changes}
    return {**{("inputs", len(asked) + n): each for n, each in enumerate(missing)}, **changes}


def _mended(
    place: tuple[str, ...], theirs: Mapping[str, Any], entry: Mapping[str, Any], keys: Mapping[str, str]
) -> Changes:
    if not _ours(theirs):
        raise LeftAlone(f"It already has another server named {ENTRY}. Rename that one, then run this again.")
    changes: Changes = {
        (*place, field): value
        for field, value in entry.items()
        if field not in theirs or (field in _START and theirs[field] != value)
    }
    known = theirs.get("env", {})
    for name, value in entry.get("env", {}).items() if "env" in theirs else ():
        if name not in known or (name in keys and known[name] != value):
            changes[(*place, "env", name)] = value
    return changes


def _ours(theirs: Mapping[str, Any]) -> bool:
    """Whether an entry starts this server, from wherever."""
    command, args = theirs.get("command"), theirs.get("args")
    words = [command.replace("\\", "/").rpartition("/")[2].removesuffix(".exe")] if isinstance(command, str) else []
    words += args if isinstance(args, list) else []
    return "kling-mcp" in words or "kling_mcp" in words


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise LeftAlone(f"{name[0].upper()}{name[1:]} is not an object in it. Mend it, then run this again.")
    return value


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _backup(path: Path, before: bytes | None, stamp: str) -> Path | None:
    """Keep the old file under a name that no other has, readable by whom it was."""
    if before is None:
        return None
    names = (f"{path.name}.{stamp}{suffix}.bak" for suffix in chain([""], (f"-{n}" for n in count(2))))
    while True:
        kept = path.with_name(next(names))
        try:
            opened = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        except FileExistsError:
            continue
        with os.fdopen(opened, "wb") as file:
            file.write(before)
        shutil.copymode(path, kept)
        return kept


def put_in_place(path: Path, before: bytes | None, after: bytes, *, private: bool) -> None:
    """Put the new text in one step in the old one's place, where a link leads to.

    Raises:
        LeftAlone: somebody else has written there since `before` was read.
    """
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    # A new file may come to hold a key.
    mode = 0o600 if before is None else stat.S_IMODE(target.stat().st_mode) & (0o600 if private else 0o777)
    number, part = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, mode)
        if _read(path) != before:
            raise LeftAlone("It was changed meanwhile. Quit the host and run this again.")
        os.replace(part, target)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
    sync_directory(target.parent)
