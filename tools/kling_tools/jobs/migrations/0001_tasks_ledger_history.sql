-- The truth about every task. `document` is the whole task as JSON; the other columns are what is searched by.
-- `sender` marks the credentials it was last sent with: under others a look-up that finds nothing says nothing.
CREATE TABLE tasks (
    id          TEXT PRIMARY KEY,
    status      TEXT NOT NULL,
    account     TEXT NOT NULL,
    model       TEXT NOT NULL,
    created     REAL NOT NULL,
    updated     REAL NOT NULL,
    fingerprint TEXT NOT NULL,
    words       TEXT NOT NULL,
    took        REAL,
    sender      TEXT NOT NULL DEFAULT '',
    document    TEXT NOT NULL
) STRICT;

CREATE INDEX tasks_by_time ON tasks (created DESC, id DESC);
CREATE INDEX tasks_active ON tasks (account, status) WHERE status NOT IN ('succeeded', 'failed', 'cancelled');
CREATE INDEX tasks_by_fingerprint ON tasks (fingerprint, created DESC);

-- One row a task: what was held for it, and what became of that. Amounts in millionths of a US dollar.
CREATE TABLE ledger (
    task_id   TEXT PRIMARY KEY REFERENCES tasks (id),
    day       TEXT NOT NULL,
    simulated INTEGER NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('held', 'settled', 'released')),
    held      INTEGER NOT NULL CHECK (held >= 0),
    charged   INTEGER NOT NULL CHECK (charged >= 0)
) STRICT;

CREATE INDEX ledger_by_day ON ledger (day, simulated);

-- What happened to a task, in order; for people who ask why.
CREATE TABLE history (
    task_id TEXT NOT NULL REFERENCES tasks (id),
    at      REAL NOT NULL,
    event   TEXT NOT NULL,
    status  TEXT NOT NULL,
    detail  TEXT NOT NULL
) STRICT;

CREATE INDEX history_by_task ON history (task_id, at);
