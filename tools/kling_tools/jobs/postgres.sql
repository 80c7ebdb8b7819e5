-- What PostgreSQL says otherwise than SQLite. A name that ends in `_for_change` stands in for the plain one in a
-- transaction that may write.

-- name: insert_task
INSERT INTO tasks (id, status, account, model, created, updated, fingerprint, words, took, slots, document)
VALUES (:id, :status, :account, :model, :created, :updated, :fingerprint, :words, :took, :slots, :document);

-- name: get_task_for_change
-- What is read here is judged and then written: nobody else may change it in between.
SELECT document FROM tasks WHERE id = :id FOR NO KEY UPDATE;

-- name: occupied_slots
SELECT coalesce(sum(slots), 0) FROM tasks
WHERE account = :account AND model = :model
  AND (status IN ('submitting', 'unsure', 'submitted', 'processing')
       OR (status = 'queued' AND (created, id) < (:created, :id)));

-- name: page
SELECT document FROM tasks
WHERE (created, id) < (:before, :before_id)
  AND created >= :since
  AND (:status = '' OR status IN (SELECT json_array_elements_text(CAST(nullif(:status, '') AS json))))
  AND (:words = '' OR strpos(words, :words) > 0)
ORDER BY created DESC, id DESC LIMIT :limit;

-- name: count_matching
SELECT count(*) FROM tasks
WHERE created >= :since
  AND (:status = '' OR status IN (SELECT json_array_elements_text(CAST(nullif(:status, '') AS json))))
  AND (:words = '' OR strpos(words, :words) > 0);

-- name: made
-- A zero byte, which SQLite keeps and no text here can hold, must not break the search for another task.
SELECT document FROM tasks
WHERE status = 'succeeded' AND model IN ('kling-element', 'kling-voice')
  AND EXISTS (
      SELECT 1
      FROM json_array_elements(
          CASE WHEN strpos(document, '\u0000') = 0 THEN CAST(document AS json) -> 'outputs' ELSE '[]' END) AS output
      WHERE output ->> 'remote_id' = :remote_id)
ORDER BY created DESC LIMIT 1;
