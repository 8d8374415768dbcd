WITH asked AS MATERIALIZED (
    SELECT q.record_id, q.content, q.user_id::text AS owner, CASE WHEN q.record_id::text ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN q.record_id::text::uuid END AS key
    FROM   embedding_queue q
    WHERE  table_name::text = 'notes' AND embedding_column::text = 'embedding' AND q.status = 'pending' AND q.taken_at IS NULL
    AND NOT EXISTS (SELECT FROM embedding.claims c WHERE c.corpus = $1 AND c.kind = $2
            AND c.item_id = (CASE WHEN q.record_id::text ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
            THEN q.record_id::text::uuid END)::text AND c.leased_until > now()) AND q.record_id::text = ANY ($3) AND (q.created_at <= $4
            OR $4 IS NULL)
    FOR    NO KEY UPDATE SKIP LOCKED
),
items AS MATERIALIZED (
    SELECT t."id" AS key, t.user_id::text AS owner
    FROM   "public"."notes" t WHERE t."id" OPERATOR(pg_catalog.=) ANY (SELECT key FROM asked) FOR NO KEY UPDATE SKIP LOCKED
),
claims AS MATERIALIZED (
    SELECT c.item_id, c.leased_until > now() AS is_held FROM embedding.claims c
    WHERE  c.corpus = $5 AND c.kind = $6 AND c.item_id IN (SELECT key::text FROM items)
    FOR    UPDATE SKIP LOCKED
),
taken AS (
    SELECT a.record_id, a.key, a.content FROM asked a JOIN items ON items.key OPERATOR(pg_catalog.=) a.key
    LEFT   JOIN claims c ON c.item_id = a.key::text
    WHERE  c.is_held IS NOT TRUE AND a.owner IS NOT DISTINCT FROM items.owner
    AND    (c.item_id IS NOT NULL
            OR NOT EXISTS (SELECT FROM embedding.claims o WHERE o.corpus = $7 AND o.kind = $8 AND o.item_id = (a.key)::text))
),
opened AS (
    UPDATE "public"."notes" t
    SET    "embedding_rule" = NULL, "content_hash" = NULL, "embedding_state" = NULL, "embedding_content" = taken.content
    FROM   taken
    WHERE  t."id" OPERATOR(pg_catalog.=) taken.key AND pg_catalog.set_config('embeddings.writing', 'on', true) IS NOT NULL
            AND embedding.ensure_generation('library', 'library', true)
),
forgotten AS (
    DELETE FROM embedding.claims c USING taken WHERE c.corpus = $9 AND c.kind = $10 AND c.item_id = (taken.key)::text
),
marked AS (
    UPDATE embedding_queue q SET taken_at = clock_timestamp()
    FROM   taken
    WHERE  table_name::text = 'notes' AND embedding_column::text = 'embedding' AND q.record_id = taken.record_id
    RETURNING q.record_id
),
refused AS (
    SELECT a.record_id, 'there is no such row: it was deleted, or never was' AS reason
    FROM   asked a
    WHERE  NOT EXISTS (SELECT FROM "public"."notes" t WHERE t."id" OPERATOR(pg_catalog.=) a.key)
    UNION  ALL
    SELECT a.record_id, CASE WHEN a.owner IS NULL THEN 'it is asked for without the user_id that the row has'
                             ELSE 'it is asked for in another user''s name than the row''s' END
    FROM   asked a JOIN items ON items.key OPERATOR(pg_catalog.=) a.key
    WHERE  a.owner IS DISTINCT FROM items.owner
),
closed AS (
    UPDATE embedding_queue q
    SET    status = 'failed', error_message = refused.reason, taken_at = clock_timestamp(), processed_at = clock_timestamp()
    FROM   refused
    WHERE  table_name::text = 'notes' AND embedding_column::text = 'embedding' AND q.record_id = refused.record_id
    RETURNING q.record_id
)
SELECT (SELECT count(*) FROM marked)::int, (SELECT count(*) FROM closed)::int
