-- What a day's money comes to, kept beside the ledger whoever writes to it: reckoned anew for each intent, it would take
-- as long as the day had tasks. The same words as in the ledger: what is held counts until it is settled or released.
CREATE TABLE spent (
    day       TEXT NOT NULL,
    simulated INTEGER NOT NULL,
    amount    INTEGER NOT NULL,
    PRIMARY KEY (day, simulated)
) STRICT, WITHOUT ROWID;

INSERT INTO spent
SELECT day, simulated, sum(CASE state WHEN 'held' THEN held WHEN 'settled' THEN charged ELSE 0 END)
FROM ledger GROUP BY day, simulated;

CREATE TRIGGER spent_by_new AFTER INSERT ON ledger BEGIN
    INSERT INTO spent VALUES (
        new.day, new.simulated, CASE new.state WHEN 'held' THEN new.held WHEN 'settled' THEN new.charged ELSE 0 END)
    ON CONFLICT (day, simulated) DO UPDATE SET amount = amount + excluded.amount;
END;

CREATE TRIGGER spent_by_gone AFTER DELETE ON ledger BEGIN
    UPDATE spent
    SET amount = amount - CASE old.state WHEN 'held' THEN old.held WHEN 'settled' THEN old.charged ELSE 0 END
    WHERE day = old.day AND simulated = old.simulated;
END;

CREATE TRIGGER spent_by_changed AFTER UPDATE ON ledger BEGIN
    UPDATE spent
    SET amount = amount - CASE old.state WHEN 'held' THEN old.held WHEN 'settled' THEN old.charged ELSE 0 END
    WHERE day = old.day AND simulated = old.simulated;
    INSERT INTO spent VALUES (
        new.day, new.simulated, CASE new.state WHEN 'held' THEN new.held WHEN 'settled' THEN new.charged ELSE 0 END)
    ON CONFLICT (day, simulated) DO UPDATE SET amount = amount + excluded.amount;
END;

-- Where a task stands in the index of words, and up to which row all have a place there. The index itself is made
-- outside of the schema, since not every SQLite has the means.
ALTER TABLE tasks ADD COLUMN place INTEGER;
CREATE UNIQUE INDEX tasks_by_place ON tasks (place) WHERE place IS NOT NULL;
CREATE TABLE placed (upto INTEGER NOT NULL) STRICT;
INSERT INTO placed VALUES (0);

-- What is asked of a journal of any length, without reading all of it.
CREATE INDEX tasks_by_status ON tasks (status, created, id);
CREATE INDEX tasks_times ON tasks (created) WHERE took IS NOT NULL;
CREATE INDEX tasks_made ON tasks (created) WHERE status = 'succeeded' AND model IN ('kling-element', 'kling-voice');
