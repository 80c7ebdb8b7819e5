-- What only SQLite is asked: its index of words, which it does not take to by itself (words.py).

-- name: page_by_words
-- The index shows every task that has the words, the newest first, and perhaps others.
SELECT tasks.created, tasks.id FROM task_words CROSS JOIN tasks ON tasks.place = task_words.rowid
WHERE task_words MATCH :match AND task_words.rowid BETWEEN first_place(:since) AND last_place(:before)
  AND (tasks.created, tasks.id) < (:before, :before_id) AND tasks.created >= :since
  AND (:statuses = '' OR tasks.status IN (SELECT value FROM json_each(:statuses)))
  AND (CAST(:caller AS TEXT) IS NULL OR tasks.caller = :caller)
  AND (:parts OR tasks.part_of = '') AND instr(tasks.words, :words) > 0
ORDER BY task_words.rowid DESC LIMIT :limit;

-- name: page_without_place
-- The latest rows, and not the whole of time.
SELECT created, id FROM tasks NOT INDEXED
WHERE rowid > (SELECT upto FROM placed) AND (created, id) < (:before, :before_id) AND created >= :since
  AND (:statuses = '' OR status IN (SELECT value FROM json_each(:statuses)))
  AND (CAST(:caller AS TEXT) IS NULL OR caller = :caller)
  AND (:parts OR part_of = '') AND instr(words, :words) > 0
ORDER BY created DESC, id DESC LIMIT :limit;

-- name: count_of_status
SELECT count(*) FROM (SELECT 1 FROM tasks WHERE caller = :caller AND status = :status LIMIT :limit);

-- name: count_of_caller
SELECT count(*) FROM (SELECT 1 FROM tasks WHERE caller = :caller LIMIT :limit);

-- name: count_of_words
SELECT count(*) FROM (SELECT 1 FROM task_words WHERE task_words MATCH :match LIMIT :limit);
