-- Half price: runs that go through a provider's batch interface. No texts and no vectors: only which item stands on which line.

ALTER TABLE embedding.jobs
    DROP CONSTRAINT jobs_host_check,
    ADD  CONSTRAINT jobs_host_check CHECK (host IN ('command', 'server', 'functions', 'batch'));

-- A run on the batch lane. The host whose token it has advances it; after next_at any other may.
CREATE TABLE embedding.lane_runs (
    run_id       uuid        PRIMARY KEY REFERENCES embedding.jobs ON DELETE CASCADE,
    corpus       text        NOT NULL,
    token        uuid,
    next_at      timestamptz NOT NULL DEFAULT now(),
    token_limit  bigint,
    submit_after timestamptz NOT NULL DEFAULT now(),
    stop_reason  text
);

-- building: its file is being made. uploaded: the provider has the file. sent: the provider has the batch. cancelling: it was asked to end it.
CREATE TABLE embedding.lane_batches (
    id          uuid        PRIMARY KEY,
    run_id      uuid        NOT NULL REFERENCES embedding.lane_runs ON DELETE CASCADE,
    model       text        NOT NULL,
    status      text        NOT NULL DEFAULT 'building' CHECK (status IN ('building', 'uploaded', 'sent', 'cancelling')),
    input_file  text,
    provider_id text,
    inputs      integer     NOT NULL DEFAULT 0,
    tokens      bigint      NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX lane_batches_of_run ON embedding.lane_batches (run_id);

-- The fingerprints of a line's inputs, in their order. A line that was dealt with is deleted.
CREATE TABLE embedding.lane_lines (
    batch_id     uuid    NOT NULL REFERENCES embedding.lane_batches ON DELETE CASCADE,
    line         integer NOT NULL,
    fingerprints text[]  NOT NULL,
    PRIMARY KEY (batch_id, line)
);

-- An item on a line, with the version of its text as it was sent. While its claim waits with that version, no other run takes the item.
CREATE TABLE embedding.lane_items (
    batch_id     uuid    NOT NULL REFERENCES embedding.lane_batches ON DELETE CASCADE,
    line         integer NOT NULL,
    corpus       text    NOT NULL,
    kind         text    NOT NULL,
    partition    text    NOT NULL,
    item_id      text    NOT NULL,
    version      bytea   NOT NULL,
    content_hash text    NOT NULL,
    PRIMARY KEY (batch_id, line, kind, item_id)
);
CREATE INDEX lane_items_of_text ON embedding.lane_items (content_hash);
