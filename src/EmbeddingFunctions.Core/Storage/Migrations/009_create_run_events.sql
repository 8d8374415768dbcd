-- An event whose work a run takes that had not started yet: it needs no run of its own, and stays the same event if it is sent again.
CREATE TABLE embedding_run_events (
    event_id   text    PRIMARY KEY,
    run_id     uuid    NOT NULL REFERENCES embedding_jobs ON DELETE CASCADE,
    corpus     text    NOT NULL,
    partition  text,
    kinds      text[]  NOT NULL,
    item_limit integer,
    is_forced  boolean NOT NULL
);
CREATE INDEX embedding_run_events_of_run ON embedding_run_events (run_id);
-- Of which text a claim was: what failed waits for its next attempt, an edit of it does not.
ALTER TABLE embedding_claims ADD COLUMN version bytea;
