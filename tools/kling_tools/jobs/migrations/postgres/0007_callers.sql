-- Whose a task is, and whose money, as in SQLite.
ALTER TABLE tasks ADD COLUMN caller TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE ledger ADD COLUMN caller TEXT COLLATE "C" NOT NULL DEFAULT '';
DROP INDEX tasks_by_time;
DROP INDEX tasks_by_status;
CREATE INDEX tasks_by_time ON tasks (caller, created DESC, id DESC);
CREATE INDEX tasks_by_status ON tasks (caller, status, created, id);
DROP INDEX ledger_by_day;
CREATE INDEX ledger_by_day ON ledger (day, simulated) INCLUDE (state, held, charged, caller);
