WITH input AS (
    SELECT *
    FROM   unnest(
               $1::text[], $2::bytea[],
               $3::text[])
           AS i (item_id, version, hash)
    WHERE  set_config('lock_timeout', '500ms', true) || set_config('embeddings.keeps_text', 'on', true) IS NOT NULL
    AND    pg_catalog.set_config('embeddings.writing', 'on', true) IS NOT NULL AND embedding.ensure_generation('library', 'library', true)
),
dismissed AS (
    UPDATE embedding.claims c
    SET    token = NULL, leased_until = NULL, attempts = 0, is_dead = true, retry_at = NULL
    FROM   input i
    WHERE  c.corpus = $4 AND c.kind = $5 AND c.item_id = i.item_id AND (c.leased_until IS NULL OR c.leased_until < now())
    RETURNING c.item_id
),
uncached AS (
    DELETE FROM similarity_cache s USING dismissed d WHERE s.item_type = $6 AND s.item_id = d.item_id
),
unchunked AS (
    DELETE FROM "public"."article_chunks" k USING dismissed g WHERE k.document_id OPERATOR(pg_catalog.=) g.item_id::bigint
),
ignored AS (
    UPDATE "public"."articles" t
    SET    "embedding" = NULL, "embedding_generated_at" = clock_timestamp(), "embedding_model" = NULL,
           "embedding_truncated" = NULL, "embedding_rule" = '55ae087d6c4c', "content_hash" = i.hash, "embedding_state" = 'ignored'
    FROM   input i JOIN dismissed USING (item_id)
    WHERE  t."id" OPERATOR(pg_catalog.=) i.item_id::bigint
            AND pg_catalog.sha256(pg_catalog.convert_to(ROW(t."title"::text, t."body"::text)::text, 'UTF8'::name)) = i.version
    RETURNING 1
)
SELECT count(*) FROM ignored
