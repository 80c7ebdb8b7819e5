-- A day's money without reading the table itself.
DROP INDEX ledger_by_day;
CREATE INDEX ledger_by_day ON ledger (day, simulated) INCLUDE (state, held, charged);

-- What is asked of a journal of any length, without reading all of it.
CREATE INDEX tasks_by_status ON tasks (status, created, id);
CREATE INDEX tasks_times ON tasks (created) WHERE took IS NOT NULL;
CREATE INDEX tasks_made ON tasks (created) WHERE status = 'succeeded' AND model IN ('kling-element', 'kling-voice');

-- Words anywhere in a text need an extension that comes with most servers, and that some do not allow: without it such
-- a search goes through the tasks, newest first.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    -- It may have been there before, in a schema of its own.
    PERFORM set_config('search_path', 'kling_mcp, ' || quote_ident(nspname), true)
    FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'pg_trgm';
    CREATE INDEX tasks_by_words ON tasks USING gin (words gin_trgm_ops);
    PERFORM set_config('search_path', 'kling_mcp', true);
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'there is no index of words: %', SQLERRM;
END
$$;
