-- Failed items by the page, the last to fail first.
CREATE INDEX claims_failed ON embedding.claims (failed_at, corpus, kind, item_id) WHERE reason IS NOT NULL;

-- How long edits waited for their vectors, by the minute in which these were written: how many waited as long as a bucket says, each of
-- which is a fourth of an octave, and the longest in seconds.
CREATE TABLE embedding.lags (
    corpus  text             NOT NULL,
    minute  timestamptz      NOT NULL,
    bucket  smallint         NOT NULL,
    items   bigint           NOT NULL,
    longest double precision NOT NULL,
    PRIMARY KEY (corpus, minute, bucket)
);

-- The share of a corpus's items that have a vector of their present text, as it was counted for alerts.
CREATE TABLE embedding.coverage (
    corpus     text             NOT NULL,
    counted_at timestamptz      NOT NULL DEFAULT now(),
    share      double precision NOT NULL,
    PRIMARY KEY (corpus, counted_at)
);

-- What people are told of by alerts: one row from the beginning of a trouble to its end, whichever process finds it.
CREATE TABLE embedding.incidents (
    id       uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    kind     text        NOT NULL,
    subject  text        NOT NULL,
    message  text        NOT NULL,
    began_at timestamptz NOT NULL DEFAULT now(),
    seen_at  timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
CREATE UNIQUE INDEX incidents_open ON embedding.incidents (kind, subject) WHERE ended_at IS NULL;

-- The two messages of an incident: that it began, and that it is over. One that was not sent yet is tried again at next_at.
CREATE TABLE embedding.alerts (
    incident_id uuid        NOT NULL REFERENCES embedding.incidents ON DELETE CASCADE,
    is_over     boolean     NOT NULL,
    attempts    integer     NOT NULL DEFAULT 0,
    next_at     timestamptz NOT NULL DEFAULT now(),
    sent_at     timestamptz,
    PRIMARY KEY (incident_id, is_over)
);
CREATE INDEX alerts_unsent ON embedding.alerts (next_at) WHERE sent_at IS NULL;

-- When a process last looked for incidents: one looks at a time.
CREATE TABLE embedding.alert_looks (
    is_only   boolean     PRIMARY KEY DEFAULT true CHECK (is_only),
    looked_at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO embedding.alert_looks DEFAULT VALUES;
