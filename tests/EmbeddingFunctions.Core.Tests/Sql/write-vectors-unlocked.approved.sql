WITH input AS (
    SELECT *
    FROM   unnest(
               $1::text[], $2::bytea[],
               $3::text[], $4::text[],
               $5::text[], $6::int[],
               $7::int[], $8::int[])
           AS i (item_id, version, outcome, hash, state, slot, left_out, chunks)
    WHERE  set_config('lock_timeout', '500ms', true) || set_config('embeddings.keeps_text', 'on', true) IS NOT NULL
    AND    pg_catalog.set_config('embeddings.writing', 'on', true) IS NOT NULL
),
lockable AS (
    SELECT i.item_id FROM "public"."notes" t JOIN input i ON t."id" OPERATOR(pg_catalog.=) i.item_id::uuid
    FOR    NO KEY UPDATE OF t SKIP LOCKED
),
free AS (
    SELECT * FROM input i
    WHERE  item_id IN (SELECT item_id FROM lockable)
    OR     NOT EXISTS (SELECT FROM "public"."notes" t WHERE t."id" OPERATOR(pg_catalog.=) i.item_id::uuid)
),
held AS (
    DELETE FROM embedding.claims c
    USING  free i
    WHERE  c.token = $9 AND c.item_id = i.item_id
    RETURNING c.item_id
),
written AS (
    UPDATE "public"."notes" t
    SET    "embedding" = CASE i.outcome WHEN 'Embedded' THEN ($10::real[])[(i.slot - 1) * 512 + 1 : i.slot * 512]::"public".vector(512)
                                      WHEN 'Unchanged' THEN t."embedding" END,
           "embedding_generated_at" = clock_timestamp(),
           "embedding_model" = 'text-embedding-3-small',
           "embedding_rule" = '2bf9cffb374f',
           "embedding_truncated" = NULLIF(i.left_out, 0),
           "content_hash" = i.hash, "embedding_state" = i.state
    FROM   input i
    JOIN   held h USING (item_id)
    WHERE  t."id" OPERATOR(pg_catalog.=) i.item_id::uuid
    AND    t."tenant" OPERATOR(pg_catalog.=) $11::uuid AND $11::uuid OPERATOR(pg_catalog.=) ANY (SELECT DISTINCT p."id" AS key
            FROM "public"."tenants" p JOIN "public"."accounts" o ON o."id" OPERATOR(pg_catalog.=) p."account"
            WHERE p."state" OPERATOR(pg_catalog.=) 'active'::text AND o."closed_at" IS NULL AND p."id" IS NOT NULL)
    AND    pg_catalog.sha256(pg_catalog.convert_to(ROW(COALESCE(t."embedding_content", "public"."embedding_text_notes"(t.*)))::text, 'UTF8'::name)) = i.version
    RETURNING i.item_id, i.outcome, i.hash, t."embedding" AS embedding
),
cached AS (
    INSERT INTO similarity_cache (repository_id, item_type, item_id, embedding, content_hash)
    SELECT $11::uuid, $12, item_id, embedding, hash
    FROM   written
    WHERE  outcome = 'Embedded'
    ON CONFLICT (repository_id, item_type, item_id) DO UPDATE
    SET    embedding = EXCLUDED.embedding, content_hash = EXCLUDED.content_hash, ttl_hours = EXCLUDED.ttl_hours,
           created_at = now(), accessed_at = now()
),
uncached AS (
    DELETE FROM similarity_cache s
    USING  written w
    WHERE  w.outcome = 'Empty'
    AND    s.repository_id = $11::uuid AND s.item_type = $13 AND s.item_id = w.item_id
),
counted AS (
    SELECT count(*) FILTER (WHERE outcome = 'Embedded')::int AS embedded,
           count(*) FILTER (WHERE outcome = 'Unchanged')::int AS unchanged,
           count(*) FILTER (WHERE outcome = 'Empty')::int AS empty,
           (SELECT count(*) FROM held)::int - count(*)::int AS changed
    FROM   written
)
INSERT INTO embedding.batches AS b
       (id, run_id, kind, partition, claimed, embedded, unchanged, empty, changed, cached, requests, tokens, saved_tokens)
SELECT $14, $15, $16, $17, $18, embedded, unchanged, empty, changed,
       $19, $20, $21, $22
FROM   counted
ON CONFLICT (id) DO UPDATE
SET    embedded = b.embedded + EXCLUDED.embedded, unchanged = b.unchanged + EXCLUDED.unchanged, empty = b.empty + EXCLUDED.empty,
       changed = b.changed + EXCLUDED.changed, failed = b.failed + EXCLUDED.failed
RETURNING claimed, embedded, unchanged, empty, changed, failed, cached, requests, tokens, saved_tokens
