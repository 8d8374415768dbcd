-- The engine's own tables. Scripts in this folder are never edited once released: a later change is a script with the next number.

-- The schema's version, the lowest version that a program must know to run on it, and the schema in which applications find their views.
CREATE TABLE embedding.installation (
    is_only            boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    version            integer NOT NULL,
    compatible_with    integer NOT NULL CHECK (compatible_with <= version),
    application_schema text    NOT NULL DEFAULT current_schema()
);

-- The rule under which the vectors of a corpus's kind are made.
CREATE TABLE embedding.rules (
    corpus      text        NOT NULL,
    kind        text        NOT NULL,
    rule        text        NOT NULL,
    model       text        NOT NULL,
    migrated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (corpus, kind)
);

-- Every declaration that a corpus was migrated for: the newest is in force, any other one is older.
CREATE TABLE embedding.declarations (
    corpus      text        NOT NULL,
    declaration text        NOT NULL,
    model       text        NOT NULL,
    migrated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (corpus, declaration)
);

-- Objects that migrations made or, at a person's request, took over: the only source of what may be altered and dropped.
CREATE TABLE embedding.objects (
    kind        text        NOT NULL,
    schema_name text        NOT NULL,
    table_name  text        NOT NULL,
    object_name text        NOT NULL,
    corpus      text        NOT NULL,
    is_made     boolean     NOT NULL,
    fingerprint text        NOT NULL,
    definition  text,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, schema_name, table_name, object_name)
);
CREATE INDEX objects_of_corpus ON embedding.objects (corpus);

-- One row a run, recorded before any engine knows of it. Its counts are the sums of its batches; the columns here are a copy. A host carries
-- it until the lease runs out; then another host adopts it.
CREATE TABLE embedding.jobs (
    id                  uuid        PRIMARY KEY,
    corpus              text        NOT NULL,
    partition           text,
    repository_id       uuid        GENERATED ALWAYS AS (
        CASE WHEN partition ~ '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$' THEN partition::uuid END) STORED,
    kinds               text[]      NOT NULL,
    item_limit          integer     CHECK (item_limit > 0),
    force_before        timestamptz,
    selection           jsonb,
    host                text        NOT NULL DEFAULT 'command' CHECK (host IN ('command', 'server', 'functions')),
    event_id            text,
    due_at              timestamptz,
    status              text        NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'cancelled')),
    items_total         integer     NOT NULL DEFAULT 0,
    items_processed     integer     NOT NULL DEFAULT 0,
    items_failed        integer     NOT NULL DEFAULT 0,
    error_message       text,
    starts_at           timestamptz,
    started_at          timestamptz,
    completed_at        timestamptz,
    cancel_requested_at timestamptz,
    leased_until        timestamptz NOT NULL DEFAULT now() + interval '1 minute',
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    CHECK ((completed_at IS NOT NULL) = (status IN ('completed', 'failed', 'cancelled')))
);
CREATE INDEX jobs_newest ON embedding.jobs (created_at DESC);
CREATE INDEX jobs_open ON embedding.jobs (corpus) WHERE status IN ('pending', 'processing');
CREATE INDEX jobs_ended ON embedding.jobs (corpus, completed_at DESC) WHERE completed_at IS NOT NULL;
CREATE UNIQUE INDEX jobs_of_event ON embedding.jobs (event_id) WHERE event_id IS NOT NULL;
CREATE UNIQUE INDEX jobs_of_schedule ON embedding.jobs (corpus, due_at) WHERE due_at IS NOT NULL;

-- An event that a waiting run covers: it needs no run of its own, and stays the same event if it is sent again.
CREATE TABLE embedding.run_events (
    event_id   text    PRIMARY KEY,
    run_id     uuid    NOT NULL REFERENCES embedding.jobs ON DELETE CASCADE,
    corpus     text    NOT NULL,
    partition  text,
    kinds      text[]  NOT NULL,
    item_limit integer,
    is_forced  boolean NOT NULL
);
CREATE INDEX run_events_of_run ON embedding.run_events (run_id);

-- One row a batch, committed by the statement that writes the batch's vectors.
CREATE TABLE embedding.batches (
    id           uuid        PRIMARY KEY,
    run_id       uuid        NOT NULL REFERENCES embedding.jobs ON DELETE CASCADE,
    kind         text        NOT NULL,
    partition    text        NOT NULL,
    claimed      integer     NOT NULL,
    embedded     integer     NOT NULL DEFAULT 0,
    unchanged    integer     NOT NULL DEFAULT 0,
    empty        integer     NOT NULL DEFAULT 0,
    changed      integer     NOT NULL DEFAULT 0,
    failed       integer     NOT NULL DEFAULT 0,
    cached       integer     NOT NULL DEFAULT 0,
    requests     integer     NOT NULL DEFAULT 0,
    tokens       bigint      NOT NULL DEFAULT 0,
    saved_tokens bigint      NOT NULL DEFAULT 0,
    finished_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX batches_of_run ON embedding.batches (run_id);

-- The right to embed an item, leased by this database's clock. A row outlives its lease only to remember failures; version is a hash of
-- the text that failed: a new text does not wait for the next attempt.
CREATE TABLE embedding.claims (
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
    version      bytea,
    PRIMARY KEY (corpus, kind, item_id),
    CHECK ((token IS NULL) = (leased_until IS NULL))
);
CREATE INDEX claims_of_batch ON embedding.claims (token) WHERE token IS NOT NULL;
CREATE INDEX claims_leased ON embedding.claims (corpus, partition, leased_until) WHERE leased_until IS NOT NULL;

-- Generic cell rate algorithm: when the next start would arrive if starts came evenly.
CREATE TABLE embedding.start_slots (
    corpus  text        PRIMARY KEY,
    arrival timestamptz NOT NULL
);

-- The table columns that rows of a queue may name.
CREATE TABLE embedding.queue_targets (
    table_name       text NOT NULL,
    embedding_column text NOT NULL,
    corpus           text NOT NULL,
    kind             text NOT NULL,
    key_type         text NOT NULL,
    template         text NOT NULL,
    PRIMARY KEY (table_name, embedding_column)
);

-- Vectors that were paid for, where there is no Redis. Unlogged: a crash of the server may empty it, which costs calls and no data.
CREATE UNLOGGED TABLE embedding.cache (
    key        bytea       PRIMARY KEY,
    entry      bytea       NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX cache_oldest ON embedding.cache (expires_at);

-- Names and signs cache entries, in Redis too: entries of other databases, or of writers without this key, are not believed.
CREATE TABLE embedding.cache_key (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    key     bytea   NOT NULL
);
INSERT INTO embedding.cache_key (key) VALUES (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));

-- Single flight: the batch that pays for a text at this moment. A mark stands for as long as the batch's claims.
CREATE UNLOGGED TABLE embedding.flights (
    key   bytea PRIMARY KEY,
    token uuid  NOT NULL
);

-- Token buckets and circuit of each model, shared by all processes. Unlogged: found out again after a crash of the server.
CREATE UNLOGGED TABLE embedding.limiters (
    provider text  PRIMARY KEY,
    state    jsonb NOT NULL
);
