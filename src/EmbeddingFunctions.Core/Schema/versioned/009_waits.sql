-- What a run waited for: a row a wait, however many of its batches waited. No text of items.
CREATE TABLE embedding.waits (
    run_id   uuid        NOT NULL REFERENCES embedding.jobs ON DELETE CASCADE,
    cause    text        NOT NULL CHECK (cause IN ('limits', 'provider', 'paused')),
    began_at timestamptz NOT NULL,
    ends_at  timestamptz NOT NULL,
    reason   text,
    PRIMARY KEY (run_id, cause, began_at)
);
