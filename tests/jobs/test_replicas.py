"""Several machines on one journal: each account is watched by one of them, by another soon after that one's death."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from tests.jobs.house import HandClock
from tests.jobs.others import another_process, hear
from tests.jobs.postgres_server import Server
from tests.jobs.rush import ACCOUNTS
from tests.promises import keeps

from kling_tools.jobs.election_postgres import SessionOffices, falls_to
from kling_tools.model.errors import StorageUnavailable

pytestmark = pytest.mark.anyio


async def held(offices: SessionOffices, clock: HandClock) -> set[str]:
    """Let a second pass, and return which accounts a replica watches."""
    clock.time += 1
    return {account for account in ACCOUNTS if await offices.holds(account)}


@keeps("nothing-lost")
async def test_a_thousand_accounts_are_spread_and_none_has_two_watchers(postgres: Server) -> None:
    url = postgres.new_database()
    clock = HandClock()
    three = [SessionOffices(url, clock) for _ in range(3)]
    shares: list[set[str]] = []
    for _ in range(3):  # whoever came first had all, and gives up what falls to the others
        shares = [await held(one, clock) for one in three]
        assert sum(map(len, shares)) == len(set().union(*shares)), "never two"
    assert set().union(*shares) == set(ACCOUNTS)
    assert min(map(len, shares)) > 250
    await three.pop().close()
    until = time.monotonic() + 60
    # The server notices a moment later that somebody has gone.
    while set().union(*[await held(one, clock) for one in three]) != set(ACCOUNTS):
        assert time.monotonic() < until
    for one in three:
        await one.close()
    last = SessionOffices(url, clock)
    while await held(last, clock) != set(ACCOUNTS):
        assert time.monotonic() < until
    await last.close()


@keeps("nothing-lost")
async def test_a_replica_that_is_killed_is_replaced_within_ten_seconds(tmp_path: Path, postgres: Server) -> None:
    url = postgres.new_database()
    (tmp_path / "journal.url").write_text(url)
    clock = HandClock()
    here = SessionOffices(url, clock)
    with another_process("share", str(tmp_path)) as other:
        assert hear(other).isdigit()
        for _ in range(2):
            ours = await held(here, clock)
        assert 300 < len(ours) < 1000, "the other one watches the rest"
        other.kill()
        other.wait(timeout=50)
        killed = time.monotonic()
        while len(await held(here, clock)) < len(ACCOUNTS):
            assert time.monotonic() - killed < 60  # the grid of replicas measures it
            await asyncio.sleep(0.05)
    await here.close()


async def test_a_server_that_is_gone_takes_every_office_along_and_gives_it_back(postgres: Server) -> None:
    clock = HandClock()
    offices = SessionOffices(postgres.new_database(), clock)
    for _ in range(2):
        everything = await held(offices, clock)
    postgres.stop()
    try:
        clock.time += 1
        for _ in range(2):
            with pytest.raises(StorageUnavailable, match=r"127\.0\.0\.1"):
                await offices.holds(ACCOUNTS[0])
    finally:
        postgres.start()
    assert await held(offices, clock) == everything == set(ACCOUNTS)
    await offices.close()


def test_when_a_replica_goes_only_its_share_moves() -> None:
    before = {key: falls_to(key, {1, 2, 3}) for key in range(1000)}
    after_it = {key: falls_to(key, {1, 2}) for key in range(1000)}
    assert {key for key in before if before[key] != after_it[key]} == {key for key in before if before[key] == 3}
    assert falls_to(1, set()) is None
