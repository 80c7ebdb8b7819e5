-- What PostgreSQL says otherwise than SQLite. A name that ends in `_for_change` stands in for the plain one in a
-- transaction that may write. A zero byte, which SQLite keeps and no text here can hold, is read as a space: what
-- replaces it keeps the document whole.

-- name: insert_task
INSERT INTO tasks
    (id, status, account, model, label, slots, created, updated, fingerprint, words, took, part_of, document)
VALUES (:id, :status, :account, :model, :label, :slots, :created, :updated, :fingerprint, :words, :took, :part_of,
        :document);

-- name: update_task
UPDATE tasks SET status = :status, updated = :updated, took = coalesce(:took, took), document = :document,
                 sent = :sent, written = pg_current_xact_id()
WHERE id = :id;

-- name: wish
UPDATE tasks SET hinted = coalesce(:hinted, hinted), awaited = coalesce(:awaited, awaited),
                 written = pg_current_xact_id()
WHERE id = :id AND status NOT IN ('succeeded', 'failed', 'cancelled');

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

-- name: contenders
WITH RECURSIVE labels (label) AS (
    (SELECT label FROM tasks
     WHERE account = :account AND model = :model
       AND status IN ('queued', 'submitting', 'unsure', 'submitted', 'processing')
     ORDER BY label LIMIT 1)
    UNION ALL
    SELECT later.label
    FROM labels CROSS JOIN LATERAL (
        SELECT tasks.label FROM tasks
        WHERE account = :account AND model = :model AND tasks.label > labels.label
          AND status IN ('queued', 'submitting', 'unsure', 'submitted', 'processing')
        ORDER BY tasks.label LIMIT 1) AS later)
SELECT one.id, labels.label, one.created, one.slots, one.status <> 'queued', coalesce(turn.served, 0)
FROM labels
CROSS JOIN LATERAL (
    SELECT id, created, slots, status FROM tasks
    WHERE account = :account AND model = :model AND tasks.label = labels.label
      AND status IN ('queued', 'submitting', 'unsure', 'submitted', 'processing')
    ORDER BY created, id LIMIT :places + 1) AS one
CROSS JOIN LATERAL (
    SELECT max(sent) AS served FROM tasks
    WHERE account = :account AND model = :model AND tasks.label = labels.label AND sent IS NOT NULL) AS turn;

-- name: position
SELECT CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT);

-- name: written_since
-- Nothing that can be seen was written by a transaction of the future: such numbers came with a dump from elsewhere.
SELECT id, account FROM tasks
WHERE written >= CAST(:position AS XID8) AND written < pg_snapshot_xmax(pg_current_snapshot());

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
SELECT id, status, created, updated, model, label, slots, hinted, awaited,
       CAST(told #>> '{plan,video_seconds}' AS DOUBLE PRECISION),
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
