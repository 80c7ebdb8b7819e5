"""The `kling-mcp` command. Hosts start it without arguments, dozens of times a day, so that path imports the least.

Everything else is for people at a terminal and is loaded when it is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from kling_mcp.loading import for_good

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from kling_sandbox import SandboxConfig

#: What an interruption leaves behind, by command.
INTERRUPTED = {
    "demo": "Stopped. An unfinished task goes on when kling-mcp is started again.",
    "tasks": "Stopped watching; the tasks go on.",
    "sandbox": "The simulated Kling has stopped.",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if not words:
            return serve()
        args = parser().parse_args(words)
        run: Callable[[Namespace], int | None] = args.run
        return run(args) or 0
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{INTERRUPTED.get(words[0] if words else '', 'Stopped.')}\n")
        return 130
    except BrokenPipeError:  # whoever read our lines has seen enough
        _drop_stdout()
        return 141
    except OSError as error:
        _drop_stdout()
        where = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"kling-mcp: {where}{error.strerror or error}\n")
        return 1


def _drop_stdout() -> None:
    from kling_mcp.terminal import drop_stdout

    drop_stdout()


def serve(args: Namespace | None = None) -> int:
    """Serve MCP on stdin and stdout, or on a port where that is asked for."""
    if args is not None and getattr(args, "http", False):
        with for_good():
            from kling_mcp.web.serving import run
        return run(args)
    with for_good():
        import anyio

        from kling_mcp.app import build_server
        from kling_mcp.logs import log_to_stderr
        from kling_mcp.shim import serve_stdio
        from kling_tools.settings import Settings

        settings = Settings.from_env()
        log_to_stderr(settings.log_level, settings.secrets)
        server = build_server(settings)
    if sys.stdin is not None and sys.stdin.isatty():
        sys.stderr.write("kling-mcp waits for an MCP host on stdin; to see it work: kling-mcp demo\n")
    anyio.run(serve_stdio, server)
    return 0


def parser() -> ArgumentParser:
    """Return the parser of every command."""
    from argparse import ArgumentParser, RawDescriptionHelpFormatter

    from kling_mcp.app import version

    top = ArgumentParser(
        prog="kling-mcp",
        description="Kling video over MCP. Without a command it serves MCP over stdio.",
        epilog=settings_table(),
        formatter_class=RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"kling-mcp {version()}")
    top.set_defaults(run=serve)
    commands = top.add_subparsers(title="commands", metavar="COMMAND")
    _serve_options(commands.add_parser("serve", help="serve MCP over stdio, or over HTTP"))

    demo = commands.add_parser("demo", help="make a video without keys, as a host would, and say where it is")
    demo.add_argument("prompt", nargs="?", help="what happens in the video")
    demo.add_argument("--image", metavar="FILE", help="a picture to start from")
    demo.set_defaults(run=_module("demo"))

    commands.add_parser("doctor", help="check keys, clock, directories and encoder").set_defaults(run=_module("doctor"))

    _install_options(commands.add_parser("install", help="add kling-mcp to a host's own configuration"))
    _tasks_options(commands.add_parser("tasks", help="the journal: a table, one task, money, and how it compares"))
    _sandbox_options(commands.add_parser("sandbox", help="serve the simulated Kling over HTTP"))
    return top


def settings_table() -> str:
    """Return the settings as `--help` shows them, no wider than the window."""
    from textwrap import wrap

    from kling_mcp.terminal import columns
    from kling_tools.settings import VARIABLES

    left = max(len(variable.name) for variable in VARIABLES) + 4
    lines = ["settings, from the environment:"]
    for v in VARIABLES:
        words = f"{v.meaning}{f' (default: {v.default})' if v.default else ''}"
        first, *more = wrap(words, max(24, columns() - left), break_on_hyphens=False)
        lines += [f"  {v.name:<{left - 2}}{first}", *(" " * left + line for line in more)]
    return "\n".join(lines)


def _module(name: str) -> Callable[[Namespace], int | None]:
    """Return the `run` of a command's own module, imported when it is called."""

    def run(args: Namespace) -> int | None:
        command: Callable[[Namespace], int | None] = import_module(f"kling_mcp.{name}").run
        return command(args)

    return run


def _serve_options(served: ArgumentParser) -> None:
    served.add_argument("--http", action="store_true", help="Streamable HTTP at /mcp instead of stdio")
    served.add_argument("--host", default="127.0.0.1", help="with --http; others need KLING_HTTP_TOKEN or OAuth")
    served.add_argument("--port", type=_port, default=8765, help="with --http; 0 takes a free one (default: 8765)")
    served.set_defaults(run=serve)


def _install_options(install: ArgumentParser) -> None:
    from kling_mcp.hosts import HOSTS

    install.add_argument("host", choices=sorted(HOSTS), help="which program: %(choices)s", metavar="HOST")
    install.add_argument("--print", action="store_true", help="write nothing, show what would be written")
    install.add_argument(
        "--with-keys", action="store_true", help="write the keys that are set here into the file, for claude-desktop"
    )
    install.set_defaults(run=_module("install"))


def _tasks_options(tasks: ArgumentParser) -> None:
    from argparse import SUPPRESS

    tasks.add_argument("--watch", action="store_true", help="keep the table up to date")
    tasks.add_argument("--json", action="store_true", help="one JSON document, for scripts")
    tasks.add_argument("--limit", type=_count, default=30, metavar="N", help="so many, the newest (default: 30)")
    tasks.add_argument("--status", metavar="WORD", help="running, queued, succeeded, failed, cancelled, unsure, ...")
    tasks.add_argument("--since", metavar="DAY", help="YYYY-MM-DD, local")
    tasks.set_defaults(run=_module("table"))
    more = tasks.add_subparsers(title="more", metavar="")

    def command(name: str, words: str, module: str) -> ArgumentParser:
        added = more.add_parser(name, help=words)
        # Not to undo what stood before the word: kling-mcp tasks --json spend.
        added.add_argument("--json", action="store_true", default=SUPPRESS, help="one JSON document, for scripts")
        added.set_defaults(run=_module(module))
        return added

    command("show", "one task's history and money", "history").add_argument("task_id", metavar="TASK_ID")
    compared = command(
        "reconcile", "compare the journal with Kling's own list and bill; exits 3 where they differ", "reconcile"
    )
    compared.add_argument("--days", type=_days, default=7, metavar="N", help="so many, at most 30 (default: 7)")
    compared.add_argument("--adopt", action="store_true", help="take over what Kling has under an id of ours")
    spend = command("spend", "spending by day, model and provider", "spend")
    spend.add_argument("--days", type=_count, default=7, metavar="N", help="so many, today included (default: 7)")


def _sandbox_options(sandbox: ArgumentParser) -> None:
    sandbox.add_argument("--host", default="127.0.0.1")
    sandbox.add_argument("--port", type=_port, default=9009, help="0 takes a free one (default: 9009)")
    sandbox.add_argument("--speed", type=_speed, default=10.0, help="times as fast as life (default: 10)")
    sandbox.add_argument("--state-dir", metavar="DIR", help="keep tasks and files here (default: a new directory)")
    sandbox.add_argument("--faults", metavar="FILE", help="a JSON list of things that go wrong")
    sandbox.add_argument("--api-key", help="the key that opens it (default: a public one)")
    sandbox.add_argument("--access-key")
    sandbox.add_argument("--secret-key")
    sandbox.set_defaults(run=_sandbox)


def _sandbox(args: Namespace) -> int:
    import anyio

    from kling_mcp.logs import log_to_stderr
    from kling_mcp.terminal import say

    log_to_stderr("WARNING", ())
    if bool(args.access_key) != bool(args.secret_key):
        say("--access-key and --secret-key only work together.")
        return 2
    try:
        config = _sandbox_config(args)
    except OSError as error:
        say(f"{error.filename}: {error.strerror}.")
        return 2
    except ValueError as error:
        say(f"{args.faults}: {error}")
        return 2
    try:
        anyio.run(_serve_sandbox, config, args.host, args.port)
    except OSError as error:
        say(f"Nothing can listen on {args.host}:{args.port}: {error.strerror}. --port 0 takes a free port.")
        return 1
    return 0


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise ValueError
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 100_000:
        raise ValueError
    return int(text)


def _days(text: str) -> int:
    if _count(text) > 30:  # Kling keeps nothing longer
        raise ValueError
    return int(text)


def _speed(text: str) -> float:
    if not 0 < float(text) < 1e9:
        raise ValueError
    return float(text)


# argparse names the type in what it says of a wrong value.
_port.__name__, _speed.__name__, _count.__name__, _days.__name__ = "port", "speed", "number", "number"


def _sandbox_config(args: Namespace) -> SandboxConfig:
    import json
    import tempfile
    from pathlib import Path

    from kling_sandbox import ACCESS_KEY, API_KEY, SECRET_KEY, Fault, SandboxConfig, find_ffmpeg

    state_dir = Path(args.state_dir or tempfile.mkdtemp(prefix="kling-sandbox-"))
    state_dir.expanduser().mkdir(parents=True, exist_ok=True)
    faults = json.loads(Path(args.faults).read_text("utf-8")) if args.faults else []
    return SandboxConfig(
        state_dir=state_dir.expanduser().absolute(),
        speed=args.speed,
        api_keys=frozenset({args.api_key or API_KEY}),
        access_keys={args.access_key or ACCESS_KEY: args.secret_key or SECRET_KEY},
        ffmpeg=find_ffmpeg(),
        faults=Fault.list_from_json(faults),
    )


async def _serve_sandbox(config: SandboxConfig, host: str, port: int) -> None:
    from kling_mcp.terminal import say
    from kling_sandbox import serve as serve_sandbox

    def tell(url: str) -> None:
        say(f"The simulated Kling listens on {url}; its state is in {config.state_dir}.")
        say("It costs nothing, and what it makes is not Kling's. To use it:")
        say(f"  KLING_BASE_URL={url} KLING_API_KEY={next(iter(config.api_keys))}")
        access, secret = next(iter(config.access_keys.items()))
        say(f"  or, as the legacy standard: KLING_BASE_URL={url} KLING_ACCESS_KEY={access} KLING_SECRET_KEY={secret}")

    await serve_sandbox(config, host, port, on_started=tell)
