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
  AND id NOT IN (SELECT json_array_elements_text(CAST(:unreadable AS json)))
  AND (status IN ('submitting', 'unsure', 'submitted', 'processing')
       OR (status = 'queued' AND (created, id) < (:created, :id)));

-- name: page
SELECT id, created, document FROM tasks
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

-- name: watched
SELECT id, document FROM tasks
WHERE id IN (SELECT json_array_elements_text(CAST(:ids AS json)))
  AND status NOT IN ('succeeded', 'failed', 'cancelled');
