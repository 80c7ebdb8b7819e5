-- Whose a task is, and whose money: "" is the owner, who is the only one but over HTTP. Each caller's tasks are their own
-- run through time.
ALTER TABLE tasks ADD COLUMN caller TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger ADD COLUMN caller TEXT NOT NULL DEFAULT '';
DROP INDEX tasks_by_time;
DROP INDEX tasks_by_status;
CREATE INDEX tasks_by_time ON tasks (caller, created DESC, id DESC);
CREATE INDEX tasks_by_status ON tasks (caller, status, created, id);

-- What a day's money comes to, as before, and now by caller.
DROP TRIGGER spent_by_new;
DROP TRIGGER spent_by_gone;
DROP TRIGGER spent_by_changed;
DROP TABLE spent;
CREATE TABLE spent (
    day       TEXT NOT NULL,
    simulated INTEGER NOT NULL,
    caller    TEXT NOT NULL,
    amount    INTEGER NOT NULL,
    PRIMARY KEY (day, simulated, caller)
) STRICT, WITHOUT ROWID;

INSERT INTO spent
SELECT day, simulated, caller, sum(CASE state WHEN 'held' THEN held WHEN 'settled' THEN charged ELSE 0 END)
FROM ledger GROUP BY day, simulated, caller;

CREATE TRIGGER spent_by_new AFTER INSERT ON ledger BEGIN
    INSERT INTO spent VALUES (
        new.day, new.simulated, new.caller,
        CASE new.state WHEN 'held' THEN new.held WHEN 'settled' THEN new.charged ELSE 0 END)
    ON CONFLICT (day, simulated, caller) DO UPDATE SET amount = amount + excluded.amount;
END;

CREATE TRIGGER spent_by_gone AFTER DELETE ON ledger BEGIN
    UPDATE spent
    SET amount = amount - CASE old.state WHEN 'held' THEN old.held WHEN 'settled' THEN old.charged ELSE 0 END
    WHERE day = old.day AND simulated = old.simulated AND caller = old.caller;
END;

CREATE TRIGGER spent_by_changed AFTER UPDATE ON ledger BEGIN
    UPDATE spent
    SET amount = amount - CASE old.state WHEN 'held' THEN old.held WHEN 'settled' THEN old.charged ELSE 0 END
    WHERE day = old.day AND simulated = old.simulated AND caller = old.caller;
    INSERT INTO spent VALUES (
        new.day, new.simulated, new.caller,
        CASE new.state WHEN 'held' THEN new.held WHEN 'settled' THEN new.charged ELSE 0 END)
    ON CONFLICT (day, simulated, caller) DO UPDATE SET amount = amount + excluded.amount;
END;
