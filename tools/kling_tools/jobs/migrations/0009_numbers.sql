-- Tasks are numbered as they come, and money and history are kept by that number: a new one's lines stand beside the
-- latest ones, where by its id, which is drawn, each would stand on a page of its own. The document comes last: what is
-- searched by is read without it.
CREATE TABLE numbered (
    number      INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    status      TEXT NOT NULL,
    account     TEXT NOT NULL,
    model       TEXT NOT NULL,
    label       TEXT NOT NULL DEFAULT '',
    slots       INTEGER NOT NULL DEFAULT 1,
    caller      TEXT NOT NULL DEFAULT '',
    part_of     TEXT NOT NULL DEFAULT '',
    created     REAL NOT NULL,
    updated     REAL NOT NULL,
    written     INTEGER NOT NULL DEFAULT 0,
    sent        REAL,
    took        REAL,
    hinted      REAL NOT NULL DEFAULT 0,
    awaited     REAL NOT NULL DEFAULT 0,
    place       INTEGER,
    sender      TEXT NOT NULL DEFAULT '',
    owner       TEXT NOT NULL DEFAULT '',
    fingerprint TEXT NOT NULL,
    words       TEXT NOT NULL,
    document    TEXT NOT NULL
) STRICT;

INSERT INTO numbered
SELECT rowid, id, status, account, model, label, slots, caller, part_of, created, updated, written, sent, took, hinted,
       awaited, place, sender, owner, fingerprint, words, document
FROM tasks ORDER BY rowid;

CREATE TABLE lines (
    task      INTEGER PRIMARY KEY REFERENCES numbered (number),
    day       TEXT NOT NULL,
    simulated INTEGER NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('held', 'settled', 'released')),
    held      INTEGER NOT NULL CHECK (held >= 0),
    charged   INTEGER NOT NULL CHECK (charged >= 0),
    caller    TEXT NOT NULL DEFAULT ''
) STRICT;

INSERT INTO lines
SELECT number, day, simulated, state, held, charged, ledger.caller
FROM ledger JOIN numbered ON numbered.id = ledger.task_id ORDER BY number;

CREATE TABLE happened (
    task   INTEGER NOT NULL REFERENCES numbered (number),
    at     REAL NOT NULL,
    event  TEXT NOT NULL,
    status TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;

INSERT INTO happened
SELECT number, at, event, history.status, detail
FROM history JOIN numbered ON numbered.id = history.task_id ORDER BY history.rowid;

DROP TABLE history;
DROP TABLE ledger;
DROP TABLE tasks;
ALTER TABLE numbered RENAME TO tasks;
ALTER TABLE lines RENAME TO ledger;
ALTER TABLE happened RENAME TO history;

CREATE INDEX tasks_active ON tasks (account, status) WHERE status NOT IN ('succeeded', 'failed', 'cancelled');
CREATE INDEX tasks_by_fingerprint ON tasks (fingerprint, created DESC);
CREATE INDEX tasks_in_line ON tasks (account, model, label, created, id, slots, status)
WHERE status IN ('queued', 'submitting', 'unsure', 'submitted', 'processing');
CREATE INDEX tasks_under_way ON tasks (account, model, slots)
WHERE status IN ('submitting', 'unsure', 'submitted', 'processing');
CREATE INDEX tasks_sent ON tasks (account, model, label, sent) WHERE sent IS NOT NULL;
CREATE INDEX tasks_written ON tasks (written);
CREATE UNIQUE INDEX tasks_by_place ON tasks (place) WHERE place IS NOT NULL;
CREATE INDEX tasks_times ON tasks (created) WHERE took IS NOT NULL;
CREATE INDEX tasks_made ON tasks (created) WHERE status = 'succeeded' AND model IN ('kling-element', 'kling-voice');
CREATE INDEX tasks_by_time ON tasks (caller, created DESC, id DESC);
CREATE INDEX tasks_by_status ON tasks (caller, status, created, id);
CREATE INDEX ledger_by_day ON ledger (day, simulated);
CREATE INDEX history_by_task ON history (task);

-- What a day's money comes to, as before.
CREATE TRIGGER spent_by_new AFTER INSERT ON ledger BEGIN
    INSERT INTO spent VALUES (
        new.day, new.simulated, new.caller,
        CASE new.state WHEN 'held' THEN new.held WHEN 'settled' THEN new.charged ELSE 0 END)
    ON CONFLICT (day, simulated, caller) DO UPDATE SET amount = amount + excluded.amount;
END;

CREATE TRIGGER spent_by_gone AFTER DELETE ON ledger BEGIN
    UPDATE spent
    SET amount = amount - CASE old.state WHEN 'held' THEN old.held WHEN 'settled' THEN old.charged ELSE 0 END
    WHERE day = old.day AND simulated = old.simulated AND caller = old.caller;
END;

CREATE TRIGGER spent_by_changed AFTER UPDATE ON ledger BEGIN
    UPDATE spent
    SET amount = amount - CASE old.state WHEN 'held' THEN old.held WHEN 'settled' THEN old.charged ELSE 0 END
    WHERE day = old.day AND simulated = old.simulated AND caller = old.caller;
    INSERT INTO spent VALUES (
        new.day, new.simulated, new.caller,
        CASE new.state WHEN 'held' THEN new.held WHEN 'settled' THEN new.charged ELSE 0 END)
    ON CONFLICT (day, simulated, caller) DO UPDATE SET amount = amount + excluded.amount;
END;
