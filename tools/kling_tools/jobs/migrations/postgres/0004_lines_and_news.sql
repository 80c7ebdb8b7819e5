-- As in SQLite. `written` is the transaction that wrote the task last: one that was not over when somebody looked has a
-- number that is not below the oldest of that time, and so nothing is missed, in whatever order they end.
ALTER TABLE tasks ADD COLUMN label TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN written XID8 NOT NULL DEFAULT pg_current_xact_id();
ALTER TABLE tasks ADD COLUMN sent DOUBLE PRECISION;
ALTER TABLE tasks ADD COLUMN hinted DOUBLE PRECISION NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN awaited DOUBLE PRECISION NOT NULL DEFAULT 0;

UPDATE tasks SET label = coalesce(told ->> 'label', ''), sent = CAST(told ->> 'sent_at' AS DOUBLE PRECISION)
FROM (SELECT id AS one, CAST(replace(document, '\u0000', '\u0020') AS json) AS told FROM tasks) AS documents
WHERE id = one AND status NOT IN ('succeeded', 'failed', 'cancelled');

CREATE INDEX tasks_in_line ON tasks (account, model, label, created, id, slots, status)
WHERE status IN ('queued', 'submitting', 'unsure', 'submitted', 'processing');
CREATE INDEX tasks_under_way ON tasks (account, model, slots)
WHERE status IN ('submitting', 'unsure', 'submitted', 'processing');
CREATE INDEX tasks_sent ON tasks (account, model, label, sent) WHERE sent IS NOT NULL;
CREATE INDEX tasks_written ON tasks (written);
DROP INDEX tasks_marks;
