-- Notes that a run waited, or waits. Batches wait side by side, in many processes, and one after the other: with less than ten seconds
-- between them that is one wait. A run has a thousand at most.
CREATE OR REPLACE FUNCTION embedding.record_wait(run uuid, why text, waited interval, remaining interval, words text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    began timestamptz := clock_timestamp() - waited;
    ends  timestamptz := clock_timestamp() + remaining;
BEGIN
    -- It need not survive a crash of the server: a batch does not wait for the disk once more.
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM FROM embedding.jobs WHERE id = run FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    UPDATE embedding.waits w
    SET    began_at = LEAST(w.began_at, began), ends_at = GREATEST(w.ends_at, ends), reason = words
    WHERE  w.run_id = run AND w.cause = why AND w.ends_at >= began - interval '10 seconds'
    AND    w.began_at = (SELECT max(l.began_at) FROM embedding.waits l WHERE l.run_id = run AND l.cause = why);
    IF NOT FOUND THEN
        INSERT INTO embedding.waits (run_id, cause, began_at, ends_at, reason)
        SELECT run, why, began, ends, words
        WHERE  (SELECT count(*) FROM embedding.waits w WHERE w.run_id = run) < 1000
        ON CONFLICT DO NOTHING;
    END IF;
END
$function$;
