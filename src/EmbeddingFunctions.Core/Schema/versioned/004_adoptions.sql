-- One row an adoption: vectors that another program made, and that a kind took over instead of having them made. An item that has one still
-- has adopted_at as the time of its vector, or the time of its own last change where that is later and declared. The source names no user
-- and no password. An adoption that was stopped goes on with what it knew of the rows: one that was written since is not adopted.
CREATE TABLE embedding.adoptions (
    corpus      text        NOT NULL,
    kind        text        NOT NULL,
    adopted_at  timestamptz NOT NULL,
    source      text        NOT NULL,
    model       text        NOT NULL,
    rule        text        NOT NULL,
    snapshot    pg_snapshot NOT NULL,
    vectors     bigint      NOT NULL DEFAULT 0,
    finished_at timestamptz,
    PRIMARY KEY (corpus, kind, adopted_at)
);
