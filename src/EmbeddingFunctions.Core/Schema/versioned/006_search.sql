-- How well the index of a kind finds what an exact search finds, as it was measured last.
CREATE TABLE embedding.recalls (
    corpus      text             NOT NULL,
    kind        text             NOT NULL,
    neighbours  integer          NOT NULL,
    queries     integer          NOT NULL,
    ef_search   integer          NOT NULL,
    recall      double precision NOT NULL,
    index_p50   double precision NOT NULL,
    index_p95   double precision NOT NULL,
    exact_p50   double precision NOT NULL,
    exact_p95   double precision NOT NULL,
    ef_for_95   integer,
    ef_for_99   integer,
    measured_at timestamptz      NOT NULL DEFAULT now(),
    PRIMARY KEY (corpus, kind)
);
