CREATE TABLE IF NOT EXISTS lovdata_documents (
    id               bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    archive_filename text        NOT NULL,
    member           text        NOT NULL,
    title            text,
    document_date    text,
    content          text        NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (archive_filename, member)
);
