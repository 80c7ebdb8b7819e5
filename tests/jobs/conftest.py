"""What the tests of jobs/ share: clips and sounds, made once, and the two databases that a journal may be kept in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.files.conftest import clips, encoder, sounds
from tests.jobs.house import ADDRESS_FILE
from tests.jobs.postgres_server import Server, a_server, binaries

__all__ = ["clips", "encoder", "sounds"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """Run a PostgreSQL for this test process."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    with a_server(programs) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Keep this test's journal in a file, then in a database: the behaviour is the same."""
    if request.param == "sqlite":
        yield "sqlite"
        return
    server: Server = request.getfixturevalue("postgres")
    url = server.new_database()
    (tmp_path / ADDRESS_FILE).write_text(url)
    yield "postgres"
    server.drop(url)
