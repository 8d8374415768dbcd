CREATE EXTENSION IF NOT EXISTS vector;

-- What every stored vector of a corpus's table was, or is to be, made under; another shape asks for another migration.
CREATE TABLE embedding_rules (
    corpus      text        NOT NULL,
    kind        text        NOT NULL,
    rule        text        NOT NULL,
    model       text        NOT NULL,
    shape       text        NOT NULL,
    migrated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (corpus, kind)
);

-- One row a run. A run's counts are the sums of its batches; what is kept here is their copy at its end.
CREATE TABLE embedding_jobs (
    id               uuid        PRIMARY KEY,
    corpus           text        NOT NULL,
    partition        text,
    repository_id    uuid        GENERATED ALWAYS AS (
        CASE WHEN partition ~ '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$' THEN partition::uuid END) STORED,
    kinds            text[]      NOT NULL,
    item_limit       integer     CHECK (item_limit > 0),
    force_before     timestamptz,
    status           text        NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'cancelled')),
    items_total      integer     NOT NULL DEFAULT 0,
    items_processed  integer     NOT NULL DEFAULT 0,
    items_failed     integer     NOT NULL DEFAULT 0,
    error_message    text,
    starts_at        timestamptz,
    started_at       timestamptz,
    completed_at     timestamptz,
    heartbeat_at     timestamptz NOT NULL DEFAULT now(),
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX embedding_jobs_newest ON embedding_jobs (created_at DESC);
CREATE INDEX embedding_jobs_open ON embedding_jobs (corpus) WHERE status IN ('pending', 'processing');

-- One row a batch, committed by the very statement that writes the batch's vectors.
CREATE TABLE embedding_batches (
    id          uuid        PRIMARY KEY,
    run_id      uuid        NOT NULL REFERENCES embedding_jobs ON DELETE CASCADE,
    kind        text        NOT NULL,
    partition   text        NOT NULL,
    claimed     integer     NOT NULL,
    embedded    integer     NOT NULL DEFAULT 0,
    unchanged   integer     NOT NULL DEFAULT 0,
    empty       integer     NOT NULL DEFAULT 0,
    changed     integer     NOT NULL DEFAULT 0,
    failed      integer     NOT NULL DEFAULT 0,
    cached      integer     NOT NULL DEFAULT 0,
    requests    integer     NOT NULL DEFAULT 0,
    tokens      bigint      NOT NULL DEFAULT 0,
    finished_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX embedding_batches_of_run ON embedding_batches (run_id);

-- The right to embed an item, leased by this database's clock; it outlives the lease only to remember failures.
CREATE TABLE embedding_claims (
    corpus       text        NOT NULL,
    kind         text        NOT NULL,
    item_id      text        NOT NULL,
    partition    text        NOT NULL,
    token        uuid,
    leased_until timestamptz,
    attempts     integer     NOT NULL DEFAULT 1,
    retry_at     timestamptz,
    is_dead      boolean     NOT NULL DEFAULT false,
    reason       text,
    failed_at    timestamptz,
    content_hash text,
    PRIMARY KEY (corpus, kind, item_id),
    CHECK ((token IS NULL) = (leased_until IS NULL))
);
CREATE INDEX embedding_claims_of_batch ON embedding_claims (token) WHERE token IS NOT NULL;
CREATE INDEX embedding_claims_leased ON embedding_claims (corpus, partition, leased_until) WHERE leased_until IS NOT NULL;

CREATE VIEW embedding_failures AS
SELECT corpus, kind, item_id, partition, attempts, is_dead, reason, failed_at, retry_at
FROM   embedding_claims
WHERE  reason IS NOT NULL;

-- Generic cell rate algorithm: when the next start would arrive if starts came evenly.
CREATE TABLE embedding_start_slots (
    corpus  text        PRIMARY KEY,
    arrival timestamptz NOT NULL
);
