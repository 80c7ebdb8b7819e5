-- Which tasks have not ended and when each was last written, without reading a task: asked whenever another process
-- has written.
CREATE INDEX tasks_marks ON tasks (account, id, updated) WHERE status NOT IN ('succeeded', 'failed', 'cancelled');
