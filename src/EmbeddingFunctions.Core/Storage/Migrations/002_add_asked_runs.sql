-- A run that was asked for is a row before any engine knows of it: who is to run it, for which event or moment, and whether it is still wanted.
ALTER TABLE embedding_jobs
    ADD COLUMN host                text        NOT NULL DEFAULT 'command' CHECK (host IN ('command', 'server', 'functions')),
    ADD COLUMN event_id            text,
    ADD COLUMN due_at              timestamptz,
    ADD COLUMN cancel_requested_at timestamptz;
CREATE UNIQUE INDEX embedding_jobs_of_event ON embedding_jobs (event_id) WHERE event_id IS NOT NULL;
CREATE UNIQUE INDEX embedding_jobs_of_schedule ON embedding_jobs (corpus, due_at) WHERE due_at IS NOT NULL;
