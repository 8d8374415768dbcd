-- Requests to embed an item. Variables: schema.
CREATE TABLE :"schema".embedding_queue (
    id               uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    table_name       text        NOT NULL,
    record_id        text        NOT NULL,
    content          text        NOT NULL,
    embedding_column text        NOT NULL,
    status           text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    error_message    text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    processed_at     timestamptz
);
