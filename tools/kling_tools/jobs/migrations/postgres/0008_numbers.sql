-- Money and history by the task's number, as in SQLite.
ALTER TABLE tasks ADD COLUMN number BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE;

ALTER TABLE ledger ADD COLUMN task BIGINT;
UPDATE ledger SET task = tasks.number FROM tasks WHERE tasks.id = ledger.task_id;
ALTER TABLE ledger DROP COLUMN task_id;
ALTER TABLE ledger ADD PRIMARY KEY (task);
ALTER TABLE ledger ADD FOREIGN KEY (task) REFERENCES tasks (number);

ALTER TABLE history ADD COLUMN task BIGINT;
UPDATE history SET task = tasks.number FROM tasks WHERE tasks.id = history.task_id;
ALTER TABLE history DROP COLUMN task_id;
ALTER TABLE history ALTER COLUMN task SET NOT NULL;
ALTER TABLE history ADD FOREIGN KEY (task) REFERENCES tasks (number);
CREATE INDEX history_by_task ON history (task);
