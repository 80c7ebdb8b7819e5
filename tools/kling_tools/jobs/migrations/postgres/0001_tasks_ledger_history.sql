-- The truth about every task, as in SQLite. `document` stays text: it comes back as it was written.
-- Identifiers compare by their bytes in every database, whatever its language.
CREATE TABLE tasks (
    id          TEXT COLLATE "C" PRIMARY KEY,
    status      TEXT COLLATE "C" NOT NULL,
    account     TEXT COLLATE "C" NOT NULL,
    model       TEXT COLLATE "C" NOT NULL,
    created     DOUBLE PRECISION NOT NULL,
    updated     DOUBLE PRECISION NOT NULL,
    fingerprint TEXT COLLATE "C" NOT NULL,
    words       TEXT COLLATE "C" NOT NULL,
    took        DOUBLE PRECISION,
    slots       INTEGER NOT NULL,
    sender      TEXT NOT NULL DEFAULT '',
    document    TEXT NOT NULL
);

CREATE INDEX tasks_by_time ON tasks (created DESC, id DESC);
CREATE INDEX tasks_active ON tasks (account, status) WHERE status NOT IN ('succeeded', 'failed', 'cancelled');
CREATE INDEX tasks_by_fingerprint ON tasks (fingerprint, created DESC);

-- One row a task: what was held for it, and what became of that. Amounts in millionths of a US dollar.
CREATE TABLE ledger (
    task_id   TEXT COLLATE "C" PRIMARY KEY REFERENCES tasks (id),
    day       TEXT COLLATE "C" NOT NULL,
    simulated BOOLEAN NOT NULL,
    state     TEXT COLLATE "C" NOT NULL CHECK (state IN ('held', 'settled', 'released')),
    held      BIGINT NOT NULL CHECK (held >= 0),
    charged   BIGINT NOT NULL CHECK (charged >= 0)
);

CREATE INDEX ledger_by_day ON ledger (day, simulated);

-- What happened to a task, in order; for people who ask why. SQLite numbers its rows by itself.
CREATE TABLE history (
    rowid   BIGINT GENERATED ALWAYS AS IDENTITY,
    task_id TEXT COLLATE "C" NOT NULL REFERENCES tasks (id),
    at      DOUBLE PRECISION NOT NULL,
    event   TEXT NOT NULL,
    status  TEXT NOT NULL,
    detail  TEXT NOT NULL
);

CREATE INDEX history_by_task ON history (task_id, at);
