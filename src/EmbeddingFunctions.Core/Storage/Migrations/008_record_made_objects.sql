-- What migrations made or, because a person said so, took over: the only source of what may be altered and dropped, and of what should be there.
CREATE TABLE embedding_objects (
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
CREATE INDEX embedding_objects_of_corpus ON embedding_objects (corpus);

-- Each declaration, and version of the program, that a corpus was ever migrated for: one that is here, and not the present one, is an older one.
CREATE TABLE embedding_shapes (
    corpus      text        NOT NULL,
    shape       text        NOT NULL,
    migrated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (corpus, shape)
);
