WITH held AS (
    SELECT i.item_id
    FROM   unnest($1::text[], $2::bytea[])
           AS i (item_id, version)
    JOIN   embedding.claims c ON c.token = $3 AND c.item_id = i.item_id
    JOIN   "public"."articles" t ON t."id" OPERATOR(pg_catalog.=) i.item_id::bigint
           AND t."tenant" OPERATOR(pg_catalog.=) $4::uuid
                   AND pg_catalog.sha256(pg_catalog.convert_to(ROW(t."title"::text, t."body"::text)::text, 'UTF8'::name)) = i.version
    WHERE  set_config('lock_timeout', '500ms', true) || set_config('embeddings.keeps_text', 'on', true) IS NOT NULL
    AND    pg_catalog.set_config('embeddings.writing', 'on', true) IS NOT NULL
    FOR    NO KEY UPDATE OF t
),
unsettled AS (
    UPDATE "public"."articles" t SET "content_hash" = NULL
    FROM   held h
    WHERE  t."id" OPERATOR(pg_catalog.=) h.item_id::bigint AND t."content_hash" IS NOT NULL
)
INSERT INTO "public"."article_chunks" AS k (document_id, chunk_index, content, start_char, end_char, token_count, embedding)
SELECT item_id::bigint, chunk_index, content, start_char, end_char, token_count, ($5::real[])[(c.slot - 1) * 512 + 1 : c.slot * 512]::"public".vector(512)
FROM   unnest(
           $6::text[], $7::int[],
           $8::text[],
           $9::int[],
           $10::int[],
           $11::int[],
           $12::int[])
       AS c (item_id, chunk_index, content, start_char, end_char, token_count, slot)
JOIN   held USING (item_id)
ON CONFLICT (document_id, chunk_index) DO UPDATE
SET    content = EXCLUDED.content, start_char = EXCLUDED.start_char, end_char = EXCLUDED.end_char,
       token_count = EXCLUDED.token_count, embedding = EXCLUDED.embedding
WHERE  (k.content, k.start_char, k.end_char, k.token_count)
       IS DISTINCT FROM (EXCLUDED.content, EXCLUDED.start_char, EXCLUDED.end_char, EXCLUDED.token_count)
OR     k.embedding OPERATOR("public".<>) EXCLUDED.embedding
