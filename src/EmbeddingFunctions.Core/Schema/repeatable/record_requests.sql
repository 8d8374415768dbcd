-- Enters requests that are about to be sent, and what became of others; called again with the same entries, it changes nothing.
CREATE OR REPLACE FUNCTION embedding.record_uncapped_requests(entries jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $function$
BEGIN
    WITH entry AS MATERIALIZED (
        SELECT *
        FROM   jsonb_to_recordset(entries) AS e (
                   id uuid, run uuid, corpus text, model text, on_batch_lane boolean, inputs integer, tokens bigint, dollars numeric,
                   outcome text)
    ),
    known AS MATERIALIZED (
        SELECT r.id, r.dollars FROM embedding.requests r WHERE r.id = ANY (ARRAY(SELECT id FROM entry))
    ),
    entered AS (
        INSERT INTO embedding.requests (id, run_id, corpus, model, on_batch_lane, inputs, tokens, dollars, outcome)
        SELECT id, run, corpus, model, on_batch_lane, inputs, tokens, dollars, outcome FROM entry
        WHERE  id NOT IN (SELECT id FROM known)
        ON CONFLICT (id) DO NOTHING
        RETURNING COALESCE(dollars, 0) AS change, sent_at
    ),
    settled AS (
        UPDATE embedding.requests r
        SET    outcome = e.outcome, tokens = e.tokens, dollars = e.dollars
        FROM   entry e JOIN known k USING (id)
        WHERE  r.id = e.id AND e.outcome IS NOT NULL
        RETURNING COALESCE(e.dollars, 0) - COALESCE(k.dollars, 0) AS change, r.sent_at
    )
    INSERT INTO embedding.spending AS s (period, dollars)
    SELECT p.period, sum(c.change)
    FROM  (SELECT * FROM entered UNION ALL SELECT * FROM settled) c
    CROSS  JOIN LATERAL (
        SELECT to_char(c.sent_at AT TIME ZONE 'UTC', form) AS period FROM unnest(ARRAY['YYYY-MM', 'YYYY-MM-DD']) AS form) p
    GROUP  BY p.period
    HAVING sum(c.change) <> 0
    ORDER  BY p.period
    ON CONFLICT (period) DO UPDATE SET dollars = s.dollars + EXCLUDED.dollars;
END
$function$;

-- The same within caps: a request that one does not allow is not entered, but returned with the cap, what was spent by then, and the limit.
-- Calls wait for one another at the row of the month, so that no two spend the same dollars.
CREATE OR REPLACE FUNCTION embedding.record_requests(entries jsonb, day_cap numeric, month_cap numeric)
RETURNS TABLE (request uuid, cap text, spent numeric, most numeric)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    this_day   text := to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD');
    this_month text := left(this_day, 7);
    of_day     numeric;
    of_month   numeric;
    entry      record;
    known      record;
    change     numeric;
    change_day text;
BEGIN
    IF day_cap IS NULL AND month_cap IS NULL AND NOT EXISTS (
        SELECT FROM embedding.run_caps c
        WHERE  c.run_id = ANY (ARRAY(SELECT (e ->> 'run')::uuid FROM jsonb_array_elements(entries) e))) THEN
        PERFORM embedding.record_uncapped_requests(entries);
        RETURN;
    END IF;
    INSERT INTO embedding.spending (period) VALUES (this_month), (this_day) ON CONFLICT DO NOTHING;
    SELECT dollars INTO of_month FROM embedding.spending WHERE period = this_month FOR UPDATE;
    SELECT dollars INTO of_day FROM embedding.spending WHERE period = this_day FOR UPDATE;
    FOR entry IN
        SELECT *
        FROM   jsonb_to_recordset(entries) AS e (
                   id uuid, run uuid, corpus text, model text, on_batch_lane boolean, inputs integer, tokens bigint, dollars numeric,
                   outcome text)
        ORDER  BY outcome IS NULL
    LOOP
        SELECT r.dollars, r.sent_at INTO known FROM embedding.requests r WHERE r.id = entry.id FOR UPDATE;
        IF FOUND THEN
            CONTINUE WHEN entry.outcome IS NULL;
            UPDATE embedding.requests r SET outcome = entry.outcome, tokens = entry.tokens, dollars = entry.dollars WHERE r.id = entry.id;
            change := COALESCE(entry.dollars, 0) - COALESCE(known.dollars, 0);
            change_day := to_char(known.sent_at AT TIME ZONE 'UTC', 'YYYY-MM-DD');
        ELSE
            change := COALESCE(entry.dollars, 0);
            change_day := this_day;
            IF entry.outcome IS NULL AND of_day + change > day_cap THEN
                RETURN QUERY SELECT entry.id, 'day', of_day, day_cap;
                CONTINUE;
            ELSIF entry.outcome IS NULL AND of_month + change > month_cap THEN
                RETURN QUERY SELECT entry.id, 'month', of_month, month_cap;
                CONTINUE;
            ELSIF entry.outcome IS NULL AND entry.run IS NOT NULL THEN
                RETURN QUERY
                SELECT entry.id, 'run', c.dollars, c.max_dollars FROM embedding.run_caps c
                WHERE  c.run_id = entry.run AND c.dollars + change > c.max_dollars;
                CONTINUE WHEN FOUND;
            END IF;

            INSERT INTO embedding.requests (id, run_id, corpus, model, on_batch_lane, inputs, tokens, dollars, outcome)
            VALUES (entry.id, entry.run, entry.corpus, entry.model, entry.on_batch_lane, entry.inputs, entry.tokens, entry.dollars,
                    entry.outcome);
        END IF;

        CONTINUE WHEN change = 0;
        UPDATE embedding.spending s SET dollars = s.dollars + change WHERE s.period IN (change_day, left(change_day, 7));
        UPDATE embedding.run_caps c SET dollars = c.dollars + change WHERE c.run_id = entry.run;
        of_day := of_day + CASE WHEN change_day = this_day THEN change ELSE 0 END;
        of_month := of_month + CASE WHEN left(change_day, 7) = this_month THEN change ELSE 0 END;
    END LOOP;
END
$function$;
