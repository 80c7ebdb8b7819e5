-- What PostgreSQL says otherwise than SQLite. A name that ends in `_for_change` stands in for the plain one in a
-- transaction that may write.

-- name: insert_task
INSERT INTO tasks
    (id, status, account, model, label, slots, created, updated, fingerprint, words, took, part_of, caller, document)
VALUES (:id, :status, :account, :model, :label, :slots, :created, :updated, :fingerprint, :words, :took, :part_of,
        :caller, :document);

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

-- name: under_way
SELECT coalesce(sum(slots), 0) FROM tasks
WHERE account = :account AND model = :model AND status IN ('submitting', 'unsure', 'submitted', 'processing')
  AND id NOT IN (SELECT json_array_elements_text(CAST(:unreadable AS json)));

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
      AND id NOT IN (SELECT json_array_elements_text(CAST(:unreadable AS json)))
    ORDER BY created, id LIMIT :places + 1) AS one
CROSS JOIN LATERAL (
    SELECT max(sent) AS served FROM tasks
    WHERE account = :account AND model = :model AND tasks.label = labels.label AND sent <= :now) AS turn;

-- name: position
SELECT CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT);

-- name: written_since
-- Nothing that can be seen was written by a transaction of the future: such numbers came with a dump from elsewhere.
SELECT id, account FROM tasks
WHERE written >= CAST(:position AS XID8) AND written < pg_snapshot_xmax(pg_current_snapshot());

-- name: page
SELECT created, id FROM tasks
WHERE caller = :caller AND (created, id) < (:before, :before_id) AND created >= :since AND (:parts OR part_of = '')
  AND (:words = '' OR words LIKE :like)
ORDER BY created DESC, id DESC LIMIT :limit;

-- name: page_of_status
SELECT created, id FROM tasks
WHERE caller = :caller AND status = :status AND (created, id) < (:before, :before_id) AND created >= :since AND (:parts OR part_of = '')
  AND (:words = '' OR words LIKE :like)
ORDER BY created DESC, id DESC LIMIT :limit;

-- name: spent_on
-- Summed up each time: a sum of its own would be one row that every transaction of all replicas waits for.
SELECT CAST(coalesce(sum(taken) FILTER (WHERE caller = :caller), 0) AS BIGINT), CAST(coalesce(sum(taken), 0) AS BIGINT)
FROM (SELECT caller, CASE state WHEN 'held' THEN held WHEN 'settled' THEN charged ELSE 0 END AS taken
      FROM ledger WHERE day = :day AND simulated = :simulated) AS lines;

-- name: watched
SELECT id, document, hinted, awaited FROM tasks
WHERE id IN (SELECT json_array_elements_text(CAST(:ids AS json)))
  AND status NOT IN ('succeeded', 'failed', 'cancelled');
