CREATE OR REPLACE FUNCTION "public"."embedding_queue_settle_notes"(items text[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '250ms' SET enable_nestloop = on SET enable_seqscan = off AS
    '#variable_conflict use_variable
DECLARE
    item text;
BEGIN
    LOOP
        BEGIN
            FOREACH item IN ARRAY items LOOP
                UPDATE "public".embedding_queue q
                SET    status = s.status, error_message = s.reason, attempts = COALESCE(s.attempts, q.attempts), taken_at =
                    clock_timestamp(),
                       processed_at = CASE WHEN s.status IN (''completed'', ''failed'') THEN clock_timestamp() END
                FROM  (SELECT k.is_item, k.attempts,
                              CASE WHEN k.is_leased THEN ''processing'' WHEN k.is_item IS NOT TRUE THEN ''failed'' WHEN k.is_pending
                                  THEN ''pending''
                                   WHEN k.state IN (''failed'', ''ignored'') THEN ''failed''
                                   ELSE ''completed'' END AS status,
                              CASE WHEN k.is_leased THEN NULL WHEN k.is_item IS NULL THEN ''the row was deleted''
                                   WHEN NOT k.is_item THEN ''the declaration leaves this row out''
                                   WHEN k.is_pending OR k.state = ''failed'' THEN k.reason
                                   WHEN k.state = ''ignored'' THEN ''it is ignored until its text changes''
                                   WHEN k.state = ''empty'' THEN ''the text is blank: there is nothing to embed'' END
                                       AS reason
                       FROM  (SELECT c.leased_until > clock_timestamp() AS is_leased, c.attempts, c.reason,
                                     CASE WHEN t."id" IS NOT NULL THEN (true) IS TRUE END AS is_item,
                                     COALESCE((t."embedding_rule" IS DISTINCT FROM ''2bf9cffb374f''
    OR t."content_hash" IS NULL OR t."embedding_state" IS NULL OR t."embedding_state" = ''rewritten''
    OR t."embedding_state" = ''embedded'' AND t."embedding" IS NULL), false) AS is_pending, t."embedding_state" AS state
                              FROM  (SELECT) one
                              LEFT   JOIN embedding.claims c ON c.corpus = ''library'' AND c.kind = ''note'' AND c.item_id = item
                              LEFT   JOIN "public"."notes" t ON t."id" OPERATOR(pg_catalog.=) item::uuid) k) s
                WHERE  table_name::text = ''notes'' AND embedding_column::text = ''embedding'' AND q.record_id::text = item
                AND    NOT (q.status::text = ''pending'' AND q.taken_at IS NULL)
                AND    NOT (q.status::text = ''completed'' AND s.is_item IS NOT TRUE)
                AND    (q.status::text, q.error_message::text, q.attempts) IS DISTINCT FROM (s.status, s.reason,
                    COALESCE(s.attempts, q.attempts));
            END LOOP;
            RETURN;
        EXCEPTION
            WHEN lock_not_available THEN
                -- What another transaction holds is left to a later run; the rest is locked from here on.
                items := ARRAY(SELECT q.record_id::text FROM "public".embedding_queue q
                               WHERE table_name::text = ''notes'' AND embedding_column::text = ''embedding''
                                       AND q.record_id::text = ANY (items) FOR NO KEY UPDATE SKIP LOCKED);
            WHEN OTHERS THEN
                IF pg_catalog.cardinality(items) <= 1 THEN
                    RAISE WARNING ''embedding_queue keeps its row of %: %'', items[1], SQLERRM;
                    RETURN;
                END IF;
                FOREACH item IN ARRAY items LOOP
                    PERFORM "public"."embedding_queue_settle_notes"(ARRAY[item]);
                END LOOP;
                RETURN;
        END;
    END LOOP;
END';
REVOKE EXECUTE ON FUNCTION "public"."embedding_queue_settle_notes"(text[]) FROM PUBLIC
