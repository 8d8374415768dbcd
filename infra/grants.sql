-- What the function app's role may do, and no more. Run it in the application's database after every migration:
--
--   psql -v ON_ERROR_STOP=1 -v role=NAME -f infra/grants.sql
--
-- The tables are those of the corpus 'workspace'; with a CORPORA_FILE of your own, name yours here.

BEGIN;

GRANT USAGE ON SCHEMA public TO :"role";

-- A run's state.
GRANT SELECT, INSERT, UPDATE, DELETE
ON embedding_jobs, embedding_batches, embedding_claims, embedding_start_slots, embedding_cache, embedding_provider_flow, embedding_flights, similarity_cache TO :"role";

-- Only a migration writes these: the app must not change the rule that it is held to.
GRANT SELECT ON embedding_rules, embedding_failures, embedding_cache_key, embedding_objects, embedding_shapes, embedding_migrations TO :"role";

-- Which partitions may embed.
GRANT SELECT ON workspaces, workspace_repositories TO :"role";

-- SELECT ... FOR NO KEY UPDATE, by which items are claimed, asks for UPDATE on some column: these are enough for it.
GRANT SELECT, UPDATE (embedding, embedding_generated_at, embedding_model, embedding_rule, embedding_truncated, content_hash)
ON issues, pull_requests, discussions TO :"role";

-- For a corpus with a queue, as 'sessions', besides its own tables' columns and embedding_content:
--   GRANT SELECT, INSERT, UPDATE ON embedding_queue TO :"role"; GRANT SELECT ON embedding_queue_targets TO :"role";
--   GRANT EXECUTE ON FUNCTION embedding_queue_settle_sessions(text) TO :"role";

COMMIT;
