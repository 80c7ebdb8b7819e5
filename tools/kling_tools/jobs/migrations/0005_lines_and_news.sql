-- What a claim counts, in columns: to read it out of thousands of documents took too long. `written` is another, and
-- higher, with every change of a task. `hinted` and `awaited` are when a process that does not watch the task was last
-- told that it moved, and was last asked to wait for it.
ALTER TABLE tasks ADD COLUMN label TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN slots INTEGER NOT NULL DEFAULT 1;
ALTER TABLE tasks ADD COLUMN written INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN sent REAL;
ALTER TABLE tasks ADD COLUMN hinted REAL NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN awaited REAL NOT NULL DEFAULT 0;

-- What is of another kind is a record that cannot be read: it keeps nobody from the others.
UPDATE tasks SET label = coalesce(json_extract(document, '$.label'), ''),
                 slots = CASE json_type(document, '$.plan.slots')
                     WHEN 'integer' THEN json_extract(document, '$.plan.slots') ELSE 1 END,
                 sent = CASE WHEN json_type(document, '$.sent_at') IN ('integer', 'real')
                     THEN json_extract(document, '$.sent_at') END
WHERE status NOT IN ('succeeded', 'failed', 'cancelled') AND json_valid(document);

CREATE INDEX tasks_in_line ON tasks (account, model, label, created, id, slots, status)
WHERE status IN ('queued', 'submitting', 'unsure', 'submitted', 'processing');
CREATE INDEX tasks_under_way ON tasks (account, model, slots)
WHERE status IN ('submitting', 'unsure', 'submitted', 'processing');
CREATE INDEX tasks_sent ON tasks (account, model, label, sent) WHERE sent IS NOT NULL;
CREATE INDEX tasks_written ON tasks (written);
DROP INDEX tasks_marks;
