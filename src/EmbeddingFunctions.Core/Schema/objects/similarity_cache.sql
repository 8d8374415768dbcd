-- A copy of every vector, for look-ups by similarity. Variables: schema, partition_type, vector_type.
CREATE TABLE :"schema".similarity_cache (
    id            uuid        PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    repository_id :partition_type NOT NULL,
    item_type     text        NOT NULL,
    item_id       text        NOT NULL,
    embedding     :vector_type NOT NULL,
    content_hash  text        NOT NULL,
    ttl_hours     integer     NOT NULL DEFAULT 168,
    created_at    timestamptz NOT NULL DEFAULT now(),
    accessed_at   timestamptz NOT NULL DEFAULT now(),
    access_count  integer     NOT NULL DEFAULT 1,
    UNIQUE (repository_id, item_type, item_id)
);
CREATE INDEX similarity_cache_age ON :"schema".similarity_cache (created_at);
