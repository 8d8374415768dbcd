-- One row a request to the provider, entered before it is sent: while no outcome is known, its worst case counts as spent. No text.
CREATE TABLE embedding.requests (
    id            uuid        PRIMARY KEY,
    sent_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    run_id        uuid,
    corpus        text,
    model         text        NOT NULL,
    on_batch_lane boolean     NOT NULL,
    inputs        integer     NOT NULL,
    tokens        bigint      NOT NULL,
    dollars       numeric,
    outcome       text        CHECK (outcome IN ('answered', 'unusable', 'refused', 'unreached', 'unknown'))
);
CREATE INDEX requests_newest ON embedding.requests (sent_at);
CREATE INDEX requests_of_run ON embedding.requests (run_id) WHERE run_id IS NOT NULL;

-- What was spent and is reserved in a day (2026-11-29) or a month (2026-11), in UTC: the sums of the rows above, kept at hand for caps.
CREATE TABLE embedding.spending (
    period  text    PRIMARY KEY,
    dollars numeric NOT NULL DEFAULT 0
);

-- A run that may spend no more than this.
CREATE TABLE embedding.run_caps (
    run_id      uuid    PRIMARY KEY REFERENCES embedding.jobs ON DELETE CASCADE,
    max_dollars numeric NOT NULL CHECK (max_dollars > 0),
    dollars     numeric NOT NULL DEFAULT 0
);

-- A run that a cap has stopped ends as cap_reached.
ALTER TABLE embedding.jobs
    DROP CONSTRAINT jobs_status_check,
    ADD  CONSTRAINT jobs_status_check CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'cancelled', 'cap_reached')),
    DROP CONSTRAINT jobs_check,
    ADD  CONSTRAINT jobs_check CHECK ((completed_at IS NOT NULL) = (status IN ('completed', 'failed', 'cancelled', 'cap_reached')));
ALTER TABLE embedding.lane_runs ADD COLUMN is_cap_reached boolean NOT NULL DEFAULT false;

-- Corpora of which no batch begins until a person resumes them.
CREATE TABLE embedding.pauses (
    corpus    text        PRIMARY KEY,
    paused_at timestamptz NOT NULL DEFAULT now()
);
