WITH input AS (
    SELECT *
    FROM   unnest(
               $1::text[], $2::bytea[],
               $3::text[], $4::text[],
               $5::boolean[])
           AS i (item_id, version, hash, reason, dead)
    WHERE  set_config('lock_timeout', '500ms', true) || set_config('embeddings.keeps_text', 'on', true) IS NOT NULL
    AND    pg_catalog.set_config('embeddings.writing', 'on', true) IS NOT NULL
),
judged AS (
    SELECT i.item_id, i.version, i.hash, i.reason, a.attempts, i.dead OR a.attempts >= $6 AS is_dead
    FROM   input i
    JOIN   embedding.claims c ON c.token = $7 AND c.item_id = i.item_id
    JOIN   "public"."articles" t ON t."id" OPERATOR(pg_catalog.=) i.item_id::bigint
           AND t."tenant" OPERATOR(pg_catalog.=) $8::uuid
                   AND pg_catalog.sha256(pg_catalog.convert_to(ROW(t."title"::text, t."body"::text)::text, 'UTF8'::name)) = i.version
    CROSS  JOIN LATERAL (
        SELECT CASE WHEN c.content_hash <> i.hash THEN 1 ELSE LEAST(c.attempts, $9) END AS attempts) a
),
marked AS (
    UPDATE "public"."articles" t
    SET    "embedding" = NULL, "embedding_generated_at" = clock_timestamp(), "embedding_model" = NULL,
           "embedding_truncated" = NULL, "embedding_rule" = '55ae087d6c4c', "content_hash" = j.hash, "embedding_state" = 'failed'
    FROM   judged j
    WHERE  j.is_dead AND t."id" OPERATOR(pg_catalog.=) j.item_id::bigint
            AND pg_catalog.sha256(pg_catalog.convert_to(ROW(t."title"::text, t."body"::text)::text, 'UTF8'::name)) = j.version
    RETURNING j.item_id
),
made_pending AS (
    UPDATE "public"."articles" t
    SET    "embedding_rule" = NULL, "content_hash" = NULL, "embedding_state" = NULL
    FROM   judged j
    WHERE  NOT j.is_dead AND t."id" OPERATOR(pg_catalog.=) j.item_id::bigint
            AND pg_catalog.sha256(pg_catalog.convert_to(ROW(t."title"::text, t."body"::text)::text, 'UTF8'::name)) = j.version
),
uncached AS (
    DELETE FROM similarity_cache s
    USING  marked m
    WHERE  s.repository_id = $10::uuid AND s.item_type = $11
    AND    s.item_id = m.item_id
),
unchunked AS (
    DELETE FROM "public"."article_chunks" k USING marked g WHERE k.document_id OPERATOR(pg_catalog.=) g.item_id::bigint
),
failed AS (
    UPDATE embedding.claims c
    SET    token = NULL, leased_until = NULL, content_hash = j.hash, attempts = j.attempts, is_dead = j.is_dead,
           reason = COALESCE(j.reason, c.reason), failed_at = CASE WHEN j.reason IS NULL THEN c.failed_at ELSE now() END,
           retry_at = CASE WHEN m.item_id IS NOT NULL THEN NULL
                           WHEN j.is_dead THEN now() + $12
                           ELSE now() + $13 * power(4, j.attempts - 1) END
    FROM   judged j
    LEFT   JOIN marked m USING (item_id)
    WHERE  c.token = $14 AND c.item_id = j.item_id
    RETURNING c.item_id
),
edited AS (
    DELETE FROM embedding.claims c
    USING  input i
    WHERE  c.token = $15 AND c.item_id = i.item_id
    AND    i.item_id NOT IN (SELECT item_id FROM judged)
    RETURNING c.item_id
)
INSERT INTO embedding.batches AS b
       (id, run_id, kind, partition, claimed, failed, changed, cached, requests, tokens, saved_tokens)
SELECT $16, $17, $18, $19, $20, (SELECT count(*) FROM failed),
       (SELECT count(*) FROM edited), $21, $22, $23, $24
ON CONFLICT (id) DO UPDATE
SET    embedded = b.embedded + EXCLUDED.embedded, unchanged = b.unchanged + EXCLUDED.unchanged, empty = b.empty + EXCLUDED.empty,
       changed = b.changed + EXCLUDED.changed, failed = b.failed + EXCLUDED.failed
RETURNING claimed, embedded, unchanged, empty, changed, failed, cached, requests, tokens, saved_tokens
