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
free AS (SELECT * FROM input),
held AS (
    DELETE FROM embedding.claims c
    USING  free i
    WHERE  c.token = $9 AND c.item_id = i.item_id
    RETURNING c.item_id
),
written AS (
    UPDATE "public"."articles" t
    SET    "embedding" = CASE i.outcome WHEN 'Embedded' THEN ($10::real[])[(i.slot - 1) * 512 + 1 : i.slot * 512]::"public".vector(512)
                                      WHEN 'Unchanged' THEN t."embedding" END,
           "embedding_generated_at" = clock_timestamp(),
           "embedding_model" = 'text-embedding-3-small',
           "embedding_rule" = '55ae087d6c4c',
           "embedding_truncated" = NULLIF(i.left_out, 0),
           "content_hash" = i.hash, "embedding_state" = i.state
    FROM   input i
    JOIN   held h USING (item_id)
    WHERE  t."id" OPERATOR(pg_catalog.=) i.item_id::bigint
    AND    t."tenant" OPERATOR(pg_catalog.=) $11::uuid AND $11::uuid OPERATOR(pg_catalog.=) ANY (SELECT DISTINCT p."id" AS key
            FROM "public"."tenants" p JOIN "public"."accounts" o ON o."id" OPERATOR(pg_catalog.=) p."account"
            WHERE p."state" OPERATOR(pg_catalog.=) 'active'::text AND o."closed_at" IS NULL AND p."id" IS NOT NULL)
    AND    pg_catalog.sha256(pg_catalog.convert_to(ROW(t."title"::text, t."body"::text)::text, 'UTF8'::name)) = i.version
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
chunked AS (
    INSERT INTO "public"."article_chunks" AS k (document_id, chunk_index, content, start_char, end_char, token_count, embedding)
    SELECT item_id::bigint, chunk_index, content, start_char, end_char, token_count, ($10::real[])[(c.slot - 1) * 512 + 1 : c.slot * 512]::"public".vector(512)
    FROM   unnest(
               $14::text[], $15::int[],
               $16::text[],
               $17::int[],
               $18::int[],
               $19::int[],
               $20::int[])
           AS c (item_id, chunk_index, content, start_char, end_char, token_count, slot)
    JOIN   written USING (item_id)
    ON CONFLICT (document_id, chunk_index) DO UPDATE
    SET    content = EXCLUDED.content, start_char = EXCLUDED.start_char, end_char = EXCLUDED.end_char,
           token_count = EXCLUDED.token_count, embedding = EXCLUDED.embedding
    WHERE  (k.content, k.start_char, k.end_char, k.token_count)
           IS DISTINCT FROM (EXCLUDED.content, EXCLUDED.start_char, EXCLUDED.end_char, EXCLUDED.token_count)
    OR     k.embedding OPERATOR("public".<>) EXCLUDED.embedding
),
unchunked AS (
    DELETE FROM "public"."article_chunks" k
    USING  written w JOIN input i USING (item_id)
    WHERE  k.document_id OPERATOR(pg_catalog.=) w.item_id::bigint AND w.outcome <> 'Unchanged'
    AND    k.chunk_index >= i.chunks
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
SELECT $21, $22, $23, $24, $25, embedded, unchanged, empty, changed,
       $26, $27, $28, $29
FROM   counted
ON CONFLICT (id) DO UPDATE
SET    embedded = b.embedded + EXCLUDED.embedded, unchanged = b.unchanged + EXCLUDED.unchanged, empty = b.empty + EXCLUDED.empty,
       changed = b.changed + EXCLUDED.changed, failed = b.failed + EXCLUDED.failed
RETURNING claimed, embedded, unchanged, empty, changed, failed, cached, requests, tokens, saved_tokens
