-- Which credentials a task was last sent with, as a mark: under others a look-up that finds nothing says nothing.
ALTER TABLE tasks ADD COLUMN sender TEXT NOT NULL DEFAULT '';
