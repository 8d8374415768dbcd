-- Names and signs the entries of the cache, in Redis too: no other database's are believed, nor those of a writer who cannot read this.
CREATE TABLE embedding_cache_key (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    key     bytea   NOT NULL
);
INSERT INTO embedding_cache_key (key) VALUES (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));
