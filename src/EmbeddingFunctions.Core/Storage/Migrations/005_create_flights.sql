-- Which batch is paying for which text at this moment, so that no two do; a mark stands for as long as the batch's claims.
CREATE UNLOGGED TABLE embedding_flights (
    key   bytea PRIMARY KEY,
    token uuid  NOT NULL
);
-- What the cached items would have cost.
ALTER TABLE embedding_batches ADD COLUMN saved_tokens bigint NOT NULL DEFAULT 0;
