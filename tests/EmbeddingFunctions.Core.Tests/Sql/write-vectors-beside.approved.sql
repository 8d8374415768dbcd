WITH input AS (
    SELECT *
    FROM   unnest(
               $1::text[], $2::bytea[],
               $3::text[], $4::text[],
               $5::text[], $6::int[],
               $7::int[], $8::int[], $9::timestamptz[])
           AS i (item_id, version, outcome, hash, state, slot, left_out, chunks, edited_at)
    WHERE  set_config('lock_timeout', '500ms', true) || set_config('embeddings.keeps_text', 'on', true) IS NOT NULL
    AND    pg_catalog.set_config('embeddings.writing', 'on', true) IS NOT NULL
),
free AS (SELECT * FROM input),
held AS (
    DELETE FROM embedding.claims c
    USING  free i
    WHERE  c.token = $10 AND c.item_id = i.item_id
    RETURNING c.item_id
),
written AS (
    UPDATE "embedding"."vectors_beside_page" t
    SET    "embedding" = CASE i.outcome WHEN 'Embedded' THEN ($11::real[])[(i.slot - 1) * 512 + 1 : i.slot * 512]::"public".vector(512)
                                      WHEN 'Unchanged' THEN t."embedding" END,
           "embedding_generated_at" = clock_timestamp(),
           "embedding_model" = 'text-embedding-3-small',
           "embedding_rule" = '29bde7258902',
           "embedding_truncated" = NULLIF(i.left_out, 0),
           "content_hash" = i.hash, "embedding_state" = i.state
    FROM   input i
    JOIN   held h USING (item_id)
    WHERE  t."embedding_item" OPERATOR(pg_catalog.=) i.item_id::text
    AND    ''::text OPERATOR(pg_catalog.=) $12::text
    AND    pg_catalog.int8send(t."embedding_revision") = i.version
            AND NOT "embedding"."is_changed_beside_page"(ARRAY[t."tenant"::text, t."id"::text])
    RETURNING i.item_id, i.outcome, i.hash, t."embedding" AS embedding
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
SELECT $13, $14, $15, $16, $17, embedded, unchanged, empty, changed,
       $18, $19, $20, $21
FROM   counted
ON CONFLICT (id) DO UPDATE
SET    embedded = b.embedded + EXCLUDED.embedded, unchanged = b.unchanged + EXCLUDED.unchanged, empty = b.empty + EXCLUDED.empty,
       changed = b.changed + EXCLUDED.changed, failed = b.failed + EXCLUDED.failed
RETURNING claimed, embedded, unchanged, empty, changed, failed, cached, requests, tokens, saved_tokens,
(SELECT array_agg(GREATEST(0, EXTRACT(epoch FROM clock_timestamp() - i.edited_at))::double precision)
 FROM   written JOIN input i USING (item_id) WHERE i.edited_at IS NOT NULL)
