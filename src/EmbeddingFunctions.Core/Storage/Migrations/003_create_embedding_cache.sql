-- Vectors that were paid for, where there is no Redis. Unlogged: a crash of the server may empty it, which costs a call and nothing else.
CREATE UNLOGGED TABLE embedding_cache (
    key        bytea       PRIMARY KEY,
    entry      bytea       NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX embedding_cache_oldest ON embedding_cache (expires_at);
