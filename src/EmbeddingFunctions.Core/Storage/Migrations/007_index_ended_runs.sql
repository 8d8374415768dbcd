-- Whether a run has just ended is asked at each wake.
CREATE INDEX embedding_jobs_ended ON embedding_jobs (corpus, completed_at DESC) WHERE completed_at IS NOT NULL;
