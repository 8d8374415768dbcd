-- Items that failed and wait for their next attempt, or failed for good. An ignored item's claim has no attempts.
CREATE OR REPLACE VIEW embedding.failures AS
SELECT corpus, kind, item_id, partition, attempts, is_dead, reason, failed_at, retry_at
FROM   embedding.claims
WHERE  reason IS NOT NULL AND attempts > 0;
