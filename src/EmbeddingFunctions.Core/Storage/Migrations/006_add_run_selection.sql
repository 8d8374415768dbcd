-- What a run is confined to besides kinds and partition: a forced run goes on only with just the same.
ALTER TABLE embedding_jobs ADD COLUMN selection jsonb;
