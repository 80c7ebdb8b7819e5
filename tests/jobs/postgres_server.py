"""A PostgreSQL of the tests' own: Debian's, in a temporary directory, on a free port of the loopback, never as root.

One server per test process, started by the first test that asks for it; one database per test, copied from a template
that has the schema. It is not durable (no fsync): what is tested is what we say to it.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from kling_tools.jobs.store_postgres import migrate

#: What Debian's package holds; PATH has none of it there.
DEBIAN = "/usr/lib/postgresql"
BOUND = 120.0
#: A password that must be seen nowhere.
PASSWORD = "hush-hush-42"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}


def binaries() -> Path | None:
    """Return the directory of `initdb` and `postgres`, the newest there is."""
    found = sorted(Path(DEBIAN).glob("*/bin/initdb"), key=lambda p: float(p.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


class Server:
    """One server. `stop` and `start` are what a minute's outage is made of."""

    def __init__(self, folder: Path, programs: Path, connections: int) -> None:
        self._connections = connections
        self._folder = folder
        self._programs = programs
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = (folder / "log").open("w+b")
        # The server refuses to run as root, and so does everything that belongs to it.
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            import pwd

            other = pwd.getpwnam("postgres")
            os.chown(folder, other.pw_uid, other.pw_gid)
            self._user = {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": []}
        self.port = _free_port()

    def make(self) -> None:
        """Make the files, start, and make the template."""
        initdb = [self._programs / "initdb", "-D", self._folder / "data", "-U", "kling", "-A", "trust", "-N"]
        made = subprocess.run(
            [*initdb, "-E", "UTF8", "--locale=C", "--no-instructions"],
            cwd=self._folder,
            capture_output=True,
            timeout=2 * BOUND,
            check=False,
            **self._user,
        )
        assert made.returncode == 0, made.stderr.decode()
        self.start()
        with self.connection("postgres") as raw:
            raw.execute("CREATE DATABASE template_kling")
        with self.connection("template_kling") as raw:
            migrate(raw)

    def start(self) -> None:
        """Start and wait until it answers."""
        settings = [
            part
            for name, value in (*_SETTINGS.items(), ("max_connections", self._connections))
            for part in ("-c", f"{name}={value}")
        ]
        # It must not outlive us, however we die.
        leash = ["setpriv", "--pdeathsig", "QUIT", "--"] if shutil.which("setpriv") else []
        self._process = subprocess.Popen(
            [*leash, self._programs / "postgres", "-D", self._folder / "data", "-p", str(self.port), *settings],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            **self._user,
        )
        until = time.monotonic() + BOUND
        while True:
            try:
                with self.connection("postgres"):
                    return
            except psycopg.OperationalError:
                assert self._process.poll() is None, f"the server does not start: {self._said()}"
                assert time.monotonic() < until, f"the server does not answer: {self._said()}"
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop at once, as a crash would: connections break, and it has to recover when it starts again."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=BOUND)
            self._process = None

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        self._log.close()

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read()[-2000:].decode(errors="replace")

    def connection(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        """Return a connection of the test's own."""
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=5)

    def url(self, database: str) -> str:
        """Return the address of a database, as a person would set it."""
        return f"postgresql://kling:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def new_database(self, *, empty: bool = False) -> str:
        """Return the address of a new database, with the schema or without."""
        name = f"journal_{next(self._numbers)}"
        with self.connection("postgres") as raw:
            template = "template0" if empty else "template_kling"
            raw.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")  # type: ignore[arg-type]
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected."""
        name = url.rpartition("/")[2]
        with self.connection("postgres") as raw:
            raw.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")  # type: ignore[arg-type]


def _free_port() -> int:
    """Return a port that no outgoing connection is given while the server is down."""
    while True:
        port = random.randrange(20_000, 30_000)
        with suppress(OSError), socket.socket() as free:
            free.bind(("127.0.0.1", port))
            return port


@contextmanager
def a_server(programs: Path, connections: int = 120) -> Iterator[Server]:
    """Run a server, and leave nothing of it."""
    folder = Path(tempfile.mkdtemp(prefix="kling-postgres-"))
    server = Server(folder, programs, connections)
    try:
        server.make()
        yield server
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)
