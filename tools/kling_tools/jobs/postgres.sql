-- What PostgreSQL says otherwise than SQLite. A name that ends in `_for_change` stands in for the plain one in a
-- transaction that may write. A zero byte, which SQLite keeps and no text here can hold, is read as a space: what
-- replaces it keeps the document whole.

-- name: insert_task
INSERT INTO tasks (id, status, account, model, created, updated, fingerprint, words, took, slots, part_of, document)
VALUES (:id, :status, :account, :model, :created, :updated, :fingerprint, :words, :took, :slots, :part_of, :document);

-- name: get_task_for_change
-- What is read here is judged and then written: nobody else may change it in between.
SELECT document FROM tasks WHERE id = :id FOR NO KEY UPDATE;

-- name: same_request
SELECT document FROM tasks
WHERE fingerprint = :fingerprint AND part_of = '' AND status <> 'cancelled'
  AND (status <> 'failed'
       OR CAST(replace(document, '\u0000', '\u0020') AS json) #>> '{failure,code}' = 'answer_lost')
  AND (created > :after OR status IN ('waiting', 'queued', 'submitting', 'unsure'))
ORDER BY created DESC LIMIT 1;

-- name: occupied_slots
SELECT coalesce(sum(slots), 0) FROM tasks
WHERE account = :account AND model = :model
  AND (status IN ('submitting', 'unsure', 'submitted', 'processing')
       OR (status = 'queued' AND (created, id) < (:created, :id)));

-- name: page
SELECT document FROM tasks
WHERE (created, id) < (:before, :before_id)
  AND created >= :since AND (:parts OR part_of = '')
  AND (:status = '' OR status IN (SELECT json_array_elements_text(CAST(nullif(:status, '') AS json))))
  AND (:words = '' OR strpos(words, :words) > 0)
ORDER BY created DESC, id DESC LIMIT :limit;

-- name: count_matching
SELECT count(*) FROM tasks
WHERE created >= :since AND (:parts OR part_of = '')
  AND (:status = '' OR status IN (SELECT json_array_elements_text(CAST(nullif(:status, '') AS json))))
  AND (:words = '' OR strpos(words, :words) > 0);

-- name: watched
SELECT id, status, created, updated, model,
       CAST(told #>> '{plan,video_seconds}' AS DOUBLE PRECISION), slots,
       CAST(told #>> '{plan,typical_seconds}' AS DOUBLE PRECISION), told #>> '{remote,id}',
       told #>> '{remote,product}', told #>> '{remote,host}',
       CAST(told ->> 'accepted_at' AS DOUBLE PRECISION), CAST(told ->> 'not_before' AS DOUBLE PRECISION),
       told ->> 'trouble'
FROM tasks, LATERAL (SELECT CAST(replace(document, '\u0000', '\u0020') AS json) AS told) AS document_as_json
WHERE id IN (SELECT json_array_elements_text(CAST(:ids AS json)))
  AND status NOT IN ('succeeded', 'failed', 'cancelled');

-- name: times_taken
SELECT account, model,
       coalesce(CAST(CAST(replace(document, '\u0000', '\u0020') AS json) #>> '{plan,video_seconds}'
                     AS DOUBLE PRECISION), 0),
       took
FROM tasks WHERE took IS NOT NULL ORDER BY created DESC LIMIT 500;

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
