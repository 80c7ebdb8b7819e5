"""Who watches: the one that the kernel says is alive, also when it sleeps."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.jobs.others import another_process, hear
from tests.promises import keeps

from kling_tools.jobs.election import Election
from kling_tools.model.errors import StorageUnavailable


def test_the_first_wins_and_keeps_it_until_it_resigns(tmp_path: Path) -> None:
    first, second, other = Election(tmp_path, "a"), Election(tmp_path, "a"), Election(tmp_path, "b")
    assert (first.won(), second.won(), first.won()) == (True, False, True)
    assert other.won(), "every account has its own office"
    first.resign()
    assert (second.won(), first.won()) == (True, False)
    for election in (first, second, other):
        election.resign()
    first.resign()


def test_a_missing_data_directory_is_made(tmp_path: Path) -> None:
    election = Election(tmp_path / "new" / "data", "a")
    assert election.won()
    election.resign()


def test_a_data_directory_that_is_a_file_is_told_in_our_words(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(StorageUnavailable):
        Election(tmp_path / "data", "a").won()


@pytest.mark.skipif(os.name != "posix", reason="signals")
@keeps("nothing-lost")
def test_a_suspended_watcher_keeps_its_office_and_a_killed_one_loses_it_at_once(tmp_path: Path) -> None:
    election = Election(tmp_path, "sandbox")
    with another_process("watch", str(tmp_path)) as watcher:
        assert hear(watcher) == "won"
        assert not election.won()
        watcher.send_signal(signal.SIGSTOP)
        assert not election.won()
        watcher.send_signal(signal.SIGCONT)
        assert not election.won()
        watcher.kill()
        watcher.wait(timeout=50)
        assert election.won()
    election.resign()
