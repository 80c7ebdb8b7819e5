"""The journal in PostgreSQL: what only a server can do to it, from a newer schema to a commit without an answer."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.jobs.house import ADDRESS_FILE, RICH, HandClock, a_house, a_task
from tests.jobs.postgres_server import PASSWORD, Server
from tests.jobs.stories import a_journal, after, rows
from tests.promises import keeps
from tests.studio.open import environment, studio_of

from kling_mcp.doctor import findings
from kling_tools.clock import SystemClock
from kling_tools.connect import open_accounts
from kling_tools.jobs.database import Connection, migrations
from kling_tools.jobs.journal import Journal
from kling_tools.jobs.postgres import connect
from kling_tools.jobs.store_postgres import PostgresConnection, PostgresStore, migrate, postgres_statements
from kling_tools.model.errors import StorageUnavailable
from kling_tools.model.status import Status
from kling_tools.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def url(postgres: Server, tmp_path: Path) -> str:
    """Return a new database with the schema, which is also this test's journal."""
    url = postgres.new_database()
    (tmp_path / ADDRESS_FILE).write_text(url)
    return url


@asynccontextmanager
async def a_store(url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(url)
    try:
        yield store
    finally:
        await store.close()


async def refused(url: str) -> StorageUnavailable:
    """Return what an enqueue into this database is refused with; it never shows what opens it."""
    async with a_store(url) as store:
        with pytest.raises(StorageUnavailable) as caught:
            await Journal(store, HandClock()).enqueue(a_task(), RICH, again=False)
        assert caught.value.advice
        assert caught.value.spent == "no"
        shown = f"{caught.value.sentence()} {store!r} {store.place} {vars(caught.value)} {caught.value.__cause__!r}"
        assert PASSWORD not in shown
        return caught.value


async def test_many_that_open_a_new_database_at_once_all_find_the_schema(postgres: Server) -> None:
    url = postgres.new_database(empty=True)
    stores = [PostgresStore(url) for _ in range(6)]
    assert await asyncio.gather(*(s.do(lambda db: db.rows("active", account="x")) for s in stores)) == [[]] * 6
    await asyncio.gather(*(s.close() for s in stores))
    with postgres.connection(urlsplit(url).path[1:]) as raw:
        assert raw.execute("SELECT version FROM kling_mcp.journal_schema").fetchall() == [
            (len(migrations("migrations", "postgres")),)
        ]
        public = raw.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        assert public == (0,), "a database that is shared with others stays tidy"


@keeps("nothing-lost")
async def test_a_newer_schema_is_refused_and_left_as_it_is(postgres: Server, url: str) -> None:
    with postgres.connection(urlsplit(url).path[1:]) as raw:
        raw.execute("UPDATE kling_mcp.journal_schema SET version = 99")
        assert "newer kling-mcp (schema 99" in (await refused(url)).message
        assert raw.execute("SELECT version FROM kling_mcp.journal_schema").fetchone() == (99,)
        assert raw.execute("SELECT count(*) FROM kling_mcp.tasks").fetchone() == (0,)


@keeps("no-leak")
async def test_a_database_that_is_not_there_is_refused_without_its_password(postgres: Server, url: str) -> None:
    nobody = url.replace(str(postgres.port), "1")
    assert "127.0.0.1:1/" in (await refused(nobody)).message
    assert "does not exist" in (await refused(postgres.url("of_nobody"))).message
    await refused(f"{url}?no_such_setting={PASSWORD}")
    await refused(f"postgresql://kling:{PASSWORD}@127.0.0.1:{postgres.port}:x/{PASSWORD[:0]}y")


async def test_work_that_fails_halfway_leaves_nothing(tmp_path: Path, url: str) -> None:
    def work(db: Connection) -> None:
        db.run("note_claim", id="k-nobody", sender="me", owner="")
        assert isinstance(db, PostgresConnection)
        db.raw.execute("CREATE TABLE half (x int)")
        raise KeyError("of the work's own")

    async with a_store(url) as store:
        with pytest.raises(KeyError):
            await store.do(work)
        with pytest.raises(StorageUnavailable):
            await rows(tmp_path, "half")


async def test_every_statement_is_valid_for_the_schema(url: str) -> None:
    class Nothing(dict[str, None]):
        def __missing__(self, name: str) -> None:
            return None

    def work(db: Connection) -> None:
        assert isinstance(db, PostgresConnection)
        for text in postgres_statements().values():
            db.raw.execute(b"EXPLAIN " + text, Nothing())

    async with a_store(url) as store:
        await store.do(work)
    assert len(postgres_statements()) >= 10


async def test_words_with_a_zero_byte_are_kept_without_it(tmp_path: Path, url: str) -> None:
    async with a_journal(tmp_path) as journal:
        task = a_task(prompt="a\0fox", label="%s \0 :id")
        await after(journal, task)
        assert (await journal.get([task.id]))[task.id].plan.words == "a\0fox"
        assert await journal.made("anything") is None


@keeps("nothing-lost", "nothing-twice", "within-budget")
async def test_a_commit_without_an_answer_is_neither_lost_nor_done_again(
    tmp_path: Path, postgres: Server, url: str
) -> None:
    name = urlsplit(url).path[1:]
    with postgres.connection("postgres") as raw:
        try:
            # The server has committed and waits for a replica that does not exist; there the connection is cut.
            raw.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            raw.execute("SELECT pg_reload_conf()")
            async with a_journal(tmp_path) as journal:
                doing = asyncio.create_task(journal.enqueue(a_task(), RICH, again=False))
                cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND wait_event = %s"
                async with asyncio.timeout(60):
                    while not raw.execute(cut, [name, "SyncRep"]).fetchall():
                        assert not doing.done(), "nobody waits for the replica"
                        await asyncio.sleep(0.02)
                    assert not (await doing).repeated
        finally:
            raw.execute("ALTER SYSTEM RESET synchronous_standby_names")
            raw.execute("SELECT pg_reload_conf()")
    assert [await rows(tmp_path, t) for t in ("tasks", "ledger", "history")] == [1, 1, 1]


@keeps("nothing-lost")
async def test_a_commit_that_did_not_come_through_is_done_again(tmp_path: Path, postgres: Server, url: str) -> None:
    with postgres.connection(urlsplit(url).path[1:]) as raw:
        raw.execute("CREATE SEQUENCE kling_mcp.deaths")
        raw.execute(
            "CREATE FUNCTION kling_mcp.die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF nextval('kling_mcp.deaths') < 3 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;"
            " RETURN NULL; END $$"
        )
        raw.execute(
            "CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON kling_mcp.tasks DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION kling_mcp.die()"
        )
    async with a_journal(tmp_path) as journal:
        assert not (await journal.enqueue(a_task(), RICH, again=False)).repeated
    assert [await rows(tmp_path, t) for t in ("tasks", "ledger", "history")] == [1, 1, 1]


@keeps("nothing-lost", "nothing-twice", "within-budget")
async def test_a_server_that_is_gone_for_a_minute_stops_spending_and_loses_nothing(
    tmp_path: Path, postgres: Server, url: str
) -> None:
    async with a_house(tmp_path) as house:
        running = await house.buy("a boat")
        studio = studio_of(house)
        told: list[str] = []

        async def report(passed: float, total: float | None, words: str) -> None:
            told.append(words)
            if len(told) == 2:
                postgres.stop()

        try:
            (waited,) = await studio.wait([running.id], 30, report)
            assert (waited.id, waited.status) == (running.id, running.status)
            assert "127.0.0.1" in told[-1]
            assert len(told) > 20, "it went on waiting"
            with pytest.raises(StorageUnavailable) as caught:
                await house.buy("a second boat")
            assert caught.value.spent == "no"
            with pytest.raises(StorageUnavailable):
                await house.beat(30)
        finally:
            postgres.stop()
            postgres.start()
        assert await house.bought() == [running.id]
        await house.until(running.id, Status.SUCCEEDED)
        (second, _) = await house.decide("a second boat")
        assert not (await house.journal.enqueue(second, RICH, again=False)).repeated
    assert await rows(tmp_path, "ledger") == 2


@keeps("no-leak")
async def test_nothing_that_is_logged_holds_the_password(
    caplog: pytest.LogCaptureFixture, postgres: Server, url: str
) -> None:
    with caplog.at_level(logging.DEBUG):
        await refused(url.replace(str(postgres.port), "1"))
        async with a_store(url) as store:
            await store.read(lambda db: db.rows("active", account="x"))
    assert PASSWORD not in caplog.text


@keeps("no-leak")
async def test_the_doctor_tells_which_database_is_used_and_not_what_opens_it(tmp_path: Path, url: str) -> None:
    settings = Settings.from_env(environment(tmp_path, KLING_DATABASE_URL=url))
    opened = open_accounts(settings, SystemClock())
    try:
        found = [finding async for finding in findings(settings, opened)]
    finally:
        await opened.close()
    (journal,) = [finding for finding in found if finding.what == "journal"]
    assert journal.well
    assert journal.words == f"PostgreSQL at {url.rpartition('@')[2]}, 0 tasks"
    assert PASSWORD not in f"{found} {opened!r}"


async def test_without_the_driver_it_is_said_how_to_get_it() -> None:
    code = (
        "import sys, asyncio; sys.modules['psycopg'] = None\n"
        "from kling_tools.jobs.store_postgres import PostgresStore\n"
        "from kling_tools.model.errors import StorageUnavailable\n"
        f"try: asyncio.run(PostgresStore('postgresql://u:{PASSWORD}@h/d').read(lambda db: None))\n"
        "except StorageUnavailable as error: sys.stdout.write(error.sentence())\n"
    )
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, timeout=150, check=False
    )
    assert done.stderr == ""
    assert "pip install 'kling-mcp[cluster]'" in done.stdout
    assert PASSWORD not in done.stdout


@keeps("nothing-lost")
async def test_a_large_journal_is_brought_up_to_date_however_long_that_takes(postgres: Server) -> None:
    with connect(postgres.new_database(empty=True)) as raw:
        raw.execute(b"SET statement_timeout = '1s'")
        migrate(raw, ["CREATE TABLE late AS SELECT now() AS at FROM pg_sleep(1.2)"])
        assert raw.execute(b"SELECT count(*) FROM kling_mcp.late").fetchone() == (1,)
