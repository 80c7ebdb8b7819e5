-- Which process last claimed a task for sending: while that one lives nobody else sends it. Empty: it is not known.
ALTER TABLE tasks ADD COLUMN owner TEXT NOT NULL DEFAULT '';
