-- The film that a task was bought for as one of its shots; lists show the film.
ALTER TABLE tasks ADD COLUMN part_of TEXT NOT NULL DEFAULT '';
