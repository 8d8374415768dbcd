WITH chosen AS (
    SELECT c.item_id FROM embedding.claims c
    WHERE  c.corpus = $1 AND c.kind = $2 AND c.item_id = ANY ($3) AND c.reason IS NOT NULL AND (c.leased_until IS NULL
            OR c.leased_until < now())
    AND    set_config('lock_timeout', '500ms', true) || set_config('embeddings.keeps_text', 'on', true) IS NOT NULL
    AND    pg_catalog.set_config('embeddings.writing', 'on', true) IS NOT NULL AND embedding.ensure_generation('library', 'library', true)
    FOR    UPDATE
),
revived AS (
    UPDATE "public"."articles" t SET "embedding_rule" = NULL FROM chosen c
    WHERE  t."id" OPERATOR(pg_catalog.=) c.item_id::bigint AND t."embedding_state" = 'failed'
),
forgotten AS (
    DELETE FROM embedding.claims c USING chosen
    WHERE  c.corpus = $4 AND c.kind = $5 AND c.item_id = chosen.item_id
    RETURNING 1
)
SELECT count(*)::int FROM forgotten
