-- What the function app's role may do, and no more. Run it in the application's database after every migration:
--
--   psql -v ON_ERROR_STOP=1 -v role=NAME -f infra/grants.sql
--
-- The tables are those of the corpus 'workspace'; with a CORPORA_FILE of your own, name yours here.

BEGIN;

GRANT USAGE ON SCHEMA public, embedding TO :"role";

-- What a migration records is read and never written: the app must not change the rule that it is held to.
GRANT SELECT ON ALL TABLES IN SCHEMA embedding TO :"role";

-- A run's state.
GRANT INSERT, UPDATE, DELETE
ON embedding.jobs, embedding.run_events, embedding.batches, embedding.claims, embedding.start_slots, embedding.cache,
   embedding.limiters, embedding.flights, embedding.adoptions, embedding.generations, embedding.lane_runs, embedding.lane_batches,
   embedding.lane_lines, embedding.lane_items, embedding.requests, embedding.spending, embedding.run_caps,
   embedding.waits, embedding.pauses, embedding.lags, embedding.coverage, embedding.incidents, embedding.alerts, embedding.alert_looks
TO :"role";
GRANT SELECT, INSERT, UPDATE, DELETE ON similarity_cache TO :"role";

-- Every claim asks whether the columns that it names are those of its generation.
GRANT EXECUTE ON FUNCTION embedding.ensure_generation(text, text, boolean) TO :"role";

-- Which partitions may embed.
GRANT SELECT ON workspaces, workspace_repositories TO :"role";

-- SELECT ... FOR NO KEY UPDATE, by which items are claimed, asks for UPDATE on some column: these are enough for it.
GRANT SELECT, UPDATE (embedding, embedding_generated_at, embedding_model, embedding_rule, embedding_truncated, content_hash,
    embedding_state)
ON issues, pull_requests, discussions TO :"role";

-- For a corpus with a queue, as 'sessions', in addition to its own tables' columns and embedding_content:
--   GRANT SELECT, INSERT, UPDATE ON embedding_queue TO :"role";
--   GRANT EXECUTE ON FUNCTION embedding_queue_settle_sessions(text[]) TO :"role";

COMMIT;
