-- The sets of vectors of a corpus that keeps them beside its rows: the live one, and while the model or the text changes the next one, which
-- is filled beside it. A generation has rules, claims, runs and companion tables under a name of its own.
CREATE TABLE embedding.generations (
    corpus      text        NOT NULL,
    number      integer     NOT NULL CHECK (number > 0),
    name        text        NOT NULL UNIQUE,
    declaration jsonb       NOT NULL,
    is_live     boolean     NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    live_since  timestamptz,
    PRIMARY KEY (corpus, number),
    CHECK (NOT is_live OR live_since IS NOT NULL)
);
CREATE UNIQUE INDEX generations_live ON embedding.generations (corpus) WHERE is_live;
