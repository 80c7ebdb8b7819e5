"""An index of all that stands in prompts and labels, beside a journal in SQLite: by every three characters in a row.

Filled when somebody searches, so that no intent waits for it; what is not in it yet is gone through. Its rows are
numbered by when a task was made, so that the newest are found first without reading the rest. A Python whose SQLite
lacks the means goes through all tasks instead.
"""

from __future__ import annotations

import sqlite3

#: So few are gone through, and not put into the index for one search.
LEFT_OUT = 200
#: Put in for one search at most, and in one transaction, so that nobody waits long for the journal.
AT_MOST, TOGETHER = 20_000, 1000
#: A number for every microsecond, roughly, and within it for so many tasks.
_PARTS, _WITHIN = 2**20, 2**10
_FARTHEST = 2**33
#: Enough of a long text to tell it from others.
_MOST_GRAMS = 16


def first_place(moment: float) -> int:
    """Return the first number of this moment, seconds since the epoch."""
    return int(min(max(moment, 0.0), _FARTHEST - 1) * _PARTS) * _WITHIN


def last_place(moment: float) -> int:
    """Return the last number of this moment."""
    return first_place(moment) + _WITHIN - 1


def expression(words: str) -> str:
    """Return how the index is asked for these words, folded; "" where it cannot tell.

    It shows every task that has them, and perhaps others.
    """
    grams = dict.fromkeys(words[n : n + 3] for n in range(len(words) - 2))
    known = [gram for gram in grams if "\0" not in gram]
    step = max(1, -(-len(known) // _MOST_GRAMS))
    return " AND ".join('"' + gram.replace('"', '""') + '"' for gram in known[::step])


def is_there(raw: sqlite3.Connection) -> bool:
    """Whether this file has an index, and this SQLite can read it."""
    try:
        raw.execute("SELECT rowid FROM task_words LIMIT 1")
    except sqlite3.OperationalError:
        return False
    return True


def can_be(raw: sqlite3.Connection) -> bool:
    """Whether this SQLite can keep one."""
    try:
        return bool(raw.execute("SELECT sqlite_compileoption_used('ENABLE_FTS5')").fetchone()[0])
    except sqlite3.OperationalError:
        return False


def is_behind(raw: sqlite3.Connection) -> bool:
    """Whether more tasks are left out than a search goes through."""
    ((left,),) = raw.execute("SELECT coalesce((SELECT max(rowid) FROM tasks), 0) - upto FROM placed")
    return int(left) > LEFT_OUT


def put_in(raw: sqlite3.Connection) -> int:
    """Put those that have been left out for longest into the index, in a transaction that is open; return how many."""
    raw.execute(
        "CREATE VIRTUAL TABLE IF NOT EXISTS task_words"
        " USING fts5(told, content = '', detail = 'none', tokenize = 'trigram case_sensitive 1')"
    )
    left = raw.execute(
        "SELECT rowid, created FROM tasks WHERE rowid > (SELECT upto FROM placed) ORDER BY rowid LIMIT ?",
        [TOGETHER],
    ).fetchall()
    for row, created in left:
        place = _free(raw, created)
        raw.execute("UPDATE tasks SET place = ? WHERE rowid = ?", [place, row])
        raw.execute("INSERT INTO task_words (rowid, told) SELECT place, words FROM tasks WHERE rowid = ?", [row])
    if left:
        raw.execute("UPDATE placed SET upto = ?", [left[-1][0]])
    return len(left)


def _free(raw: sqlite3.Connection, created: float) -> int:
    """Return the first place of a moment that nobody has."""
    span = {"first": first_place(created), "last": last_place(created)}
    ((place,),) = raw.execute(
        "SELECT coalesce(max(place) + 1, :first) FROM tasks WHERE place BETWEEN :first AND :last", span
    )
    while raw.execute("SELECT 1 FROM tasks WHERE place = ?", [place]).fetchone():
        place += 1  # more than a thousand in a microsecond: as near as there is room
    return int(place)
