-- Every statement the journal runs, by name. What PostgreSQL says otherwise is in postgres.sql, and what only SQLite is
-- asked in sqlite.sql.

-- name: insert_task
INSERT INTO tasks
    (id, status, account, model, label, slots, created, updated, fingerprint, words, took, part_of, caller, document,
     written)
VALUES (:id, :status, :account, :model, :label, :slots, :created, :updated, :fingerprint, :words, :took, :part_of,
        :caller, :document, (SELECT coalesce(max(written), 0) + 1 FROM tasks));

-- name: update_task
UPDATE tasks SET status = :status, updated = :updated, took = coalesce(:took, took), document = :document,
                 sent = :sent, written = (SELECT max(written) + 1 FROM tasks)
WHERE id = :id;

-- name: get_task
SELECT document FROM tasks WHERE id = :id;

-- name: get_own
-- Without a caller everybody's.
SELECT document FROM tasks WHERE id = :id AND (CAST(:caller AS TEXT) IS NULL OR caller = :caller);

-- name: callers
-- Steps from one to the next, so that the tasks of one are not read.
WITH RECURSIVE callers (caller) AS (
    SELECT min(caller) FROM tasks
    UNION ALL
    SELECT (SELECT min(tasks.caller) FROM tasks WHERE tasks.caller > callers.caller)
    FROM callers WHERE callers.caller IS NOT NULL)
SELECT caller FROM callers WHERE caller IS NOT NULL;

-- name: named_so
SELECT 1 FROM tasks WHERE id >= :first AND id < :last LIMIT 1;

-- name: same_request
-- The tasks for the same request that were not taken back, newest first. While it is open whether one was accepted at
-- all, its age says nothing, all the less by a clock that was moved. A film's shots answer for no request of their own.
SELECT id, status, document FROM tasks
WHERE fingerprint = :fingerprint AND caller = :caller AND part_of = '' AND status <> 'cancelled'
  AND (created > :after OR status IN ('waiting', 'queued', 'submitting', 'unsure'))
ORDER BY created DESC;

-- name: earlier_film
-- The newest one of the same request that lately ended unfinished, however long that took: what it has of shots need
-- not be bought again.
SELECT id, document FROM tasks
WHERE fingerprint = :fingerprint AND part_of = '' AND status IN ('failed', 'cancelled') AND updated > :after
  AND (CAST(:caller AS TEXT) IS NULL OR caller = :caller)
ORDER BY created DESC LIMIT 1;

-- name: active
SELECT id, document FROM tasks
WHERE account = :account AND status NOT IN ('succeeded', 'failed', 'cancelled')
ORDER BY created, id;

-- name: under_way
-- Whatever may be running at the provider takes its places, also what is in doubt. What cannot be read takes none, nor
-- does it stand in the line: it would never leave.
SELECT coalesce(sum(slots), 0) FROM tasks
WHERE account = :account AND model = :model AND status IN ('submitting', 'unsure', 'submitted', 'processing')
  AND id NOT IN (SELECT value FROM json_each(:unreadable));

-- name: contenders
-- Who may be among the next: the oldest of each label, one more than there are places. Steps from label to label, so
-- that a long line of one is not read; `turns` says whose turn it is. A turn that is still to come was before the
-- clock was set back, and counts for none.
WITH RECURSIVE labels (label) AS (
    SELECT min(label) FROM tasks
    WHERE account = :account AND model = :model
      AND status IN ('queued', 'submitting', 'unsure', 'submitted', 'processing')
    UNION ALL
    SELECT (SELECT min(tasks.label) FROM tasks
            WHERE account = :account AND model = :model AND tasks.label > labels.label
              AND status IN ('queued', 'submitting', 'unsure', 'submitted', 'processing'))
    FROM labels WHERE label IS NOT NULL)
SELECT one.id, one.label, one.created, one.slots, one.status <> 'queued',
       coalesce((SELECT max(sent) FROM tasks AS gone
                 WHERE gone.account = :account AND gone.model = :model AND gone.label = labels.label
                   AND gone.sent <= :now), 0)
FROM labels CROSS JOIN tasks AS one
WHERE one.account = :account AND one.model = :model AND one.label = labels.label
  AND one.status IN ('queued', 'submitting', 'unsure', 'submitted', 'processing')
  AND one.id NOT IN (SELECT value FROM json_each(:unreadable))
  AND one.created <= coalesce(
      (SELECT later.created FROM tasks AS later
       WHERE later.account = :account AND later.model = :model AND later.label = labels.label
         AND later.status IN ('queued', 'submitting', 'unsure', 'submitted', 'processing')
         AND later.id NOT IN (SELECT value FROM json_each(:unreadable))
       ORDER BY later.created LIMIT 1 OFFSET :places), 1e300);

-- name: wish
-- That somebody elsewhere was told that a task moved, or waits for it: a change like any other to who watches it.
UPDATE tasks SET hinted = coalesce(:hinted, hinted), awaited = coalesce(:awaited, awaited),
                 written = (SELECT max(written) + 1 FROM tasks)
WHERE id = :id AND status NOT IN ('succeeded', 'failed', 'cancelled');

-- name: note_claim
UPDATE tasks SET sender = :sender, owner = :owner WHERE id = :id;

-- name: get_claim
SELECT sender, owner FROM tasks WHERE id = :id;

-- name: sent_since
-- Asked only where a doubt may be over: whoever of an account may have, or get, what its provider shows.
SELECT id, document FROM tasks WHERE account = :account AND sent >= :since AND id <> :id;

-- name: page
SELECT created, id FROM tasks
WHERE caller = :caller AND (created, id) < (:before, :before_id) AND created >= :since AND (:parts OR part_of = '')
  AND (:words = '' OR instr(words, :words) > 0)
ORDER BY created DESC, id DESC LIMIT :limit;

-- name: page_of_status
SELECT created, id FROM tasks
WHERE caller = :caller AND status = :status AND (created, id) < (:before, :before_id) AND created >= :since AND (:parts OR part_of = '')
  AND (:words = '' OR instr(words, :words) > 0)
ORDER BY created DESC, id DESC LIMIT :limit;

-- name: position
SELECT CAST(coalesce(max(written), 0) AS TEXT) FROM tasks;

-- name: unfinished
SELECT id, account FROM tasks WHERE status NOT IN ('succeeded', 'failed', 'cancelled');

-- name: written_since
SELECT id, account FROM tasks WHERE written > CAST(:position AS INTEGER);

-- name: watched
SELECT id, document, hinted, awaited FROM tasks
WHERE id IN (SELECT value FROM json_each(:ids)) AND status NOT IN ('succeeded', 'failed', 'cancelled');

-- name: times_taken
-- How long the provider took for the latest that it could make, newest first.
SELECT id, took, document FROM tasks WHERE took IS NOT NULL ORDER BY created DESC LIMIT 500;

-- name: insert_hold
-- No task has -1: where there is none, this is refused.
INSERT INTO ledger (task, day, simulated, state, held, charged, caller)
VALUES (coalesce((SELECT number FROM tasks WHERE id = :task_id), -1),
        :day, :simulated, :state, :held, :charged, :caller);

-- name: get_entry
SELECT day, simulated, state, held, charged FROM ledger WHERE task = (SELECT number FROM tasks WHERE id = :task_id);

-- name: update_entry
UPDATE ledger SET simulated = :simulated, state = :state, charged = :charged
WHERE task = (SELECT number FROM tasks WHERE id = :task_id);

-- name: spent_on
-- What is held counts as spent until it is settled or released; the sums are kept beside the ledger. One caller's, and
-- everybody's.
SELECT coalesce(sum(CASE caller WHEN :caller THEN amount ELSE 0 END), 0), coalesce(sum(amount), 0)
FROM spent WHERE day = :day AND simulated = :simulated;

-- name: insert_history
INSERT INTO history (task, at, event, status, detail)
VALUES (coalesce((SELECT number FROM tasks WHERE id = :task_id), -1), :at, :event, :status, :detail);

-- name: history_of
SELECT at, event, status, detail FROM history WHERE task = (SELECT number FROM tasks WHERE id = :task_id)
ORDER BY at, rowid;

-- name: made
-- Elements and voices are few, and this is asked only when one of them is named.
SELECT id, document FROM tasks
WHERE status = 'succeeded' AND model IN ('kling-element', 'kling-voice')
  AND (CAST(:caller AS TEXT) IS NULL OR caller = :caller)
ORDER BY created DESC;

-- name: spending
SELECT ledger.day, tasks.model, tasks.account, count(*),
       CAST(sum(CASE state WHEN 'held' THEN held WHEN 'settled' THEN charged ELSE 0 END) AS BIGINT)
FROM ledger JOIN tasks ON tasks.number = ledger.task
WHERE ledger.day >= :since AND ledger.simulated = :simulated AND state <> 'released'
  AND (CAST(:caller AS TEXT) IS NULL OR ledger.caller = :caller)
GROUP BY ledger.day, tasks.model, tasks.account
ORDER BY ledger.day DESC, 5 DESC;
