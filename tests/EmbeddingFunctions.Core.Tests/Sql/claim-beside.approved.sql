WITH found AS (
    SELECT t."embedding_item" AS id, t."embedding_item"::text AS item_id, pg_catalog.int8send(t."embedding_revision") AS version, t."content_hash" AS content_hash,
           t."embedding_state" AS state, t."embedding_rule" AS rule, t."embedding" IS NOT NULL AS has_vector,
           t."updated_at" AS position
    FROM   "embedding"."vectors_beside_page" t
    WHERE  ''::text OPERATOR(pg_catalog.=) $1::text
    AND    (t."embedding_rule" IS DISTINCT FROM '29bde7258902'
        OR t."content_hash" IS NULL OR t."embedding_state" IS NULL OR t."embedding_state" = 'rewritten'
        OR t."embedding_state" = 'embedded' AND t."embedding" IS NULL) AND (t."embedding_rule" = '29bde7258902'
            AND COALESCE(t."embedding_generated_at", '-infinity'::timestamptz) >= (SELECT created_at FROM embedding.jobs
                    WHERE id = $2)) IS NOT TRUE AND EXISTS (SELECT FROM "public"."articles" s
                    WHERE s."tenant" OPERATOR(pg_catalog.=) t."tenant" AND s."id" OPERATOR(pg_catalog.=) t."id"
                    AND s."section" OPERATOR(pg_catalog.=) $3::text)
    AND    NOT EXISTS (
        SELECT FROM embedding.claims c
        WHERE  c.corpus = $4 AND c.kind = $5 AND c.item_id = t."embedding_item"::text
        AND    (c.leased_until > now() OR c.retry_at > now() AND COALESCE(c.version = pg_catalog.int8send(t."embedding_revision"), true))
        OFFSET 0)
    AND    current_setting('embedding.has_turn') = 'true'
    AND    NOT EXISTS (SELECT FROM embedding.batches WHERE id = $6)
    AND    NOT EXISTS (SELECT FROM embedding.jobs WHERE id = $7 AND cancel_requested_at IS NOT NULL)
    ORDER  BY t."updated_at" DESC, t."embedding_item"
    LIMIT  $8
    FOR    NO KEY UPDATE OF t SKIP LOCKED
),
read AS (
    SELECT f.*, t.*
    FROM   found f
    CROSS  JOIN LATERAL (
        SELECT t."title"::text AS text_0, t."body"::text AS text_1
                FROM (SELECT c."tenant", c."id", c."updated_at", c."embedding_generated_at", c."embedding_model", c."embedding_rule", c."embedding_truncated", c."content_hash", c."embedding_state", c."embedding", c."embedding_revision", c."embedding_item", s."title", s."body", s."section" FROM "embedding"."vectors_beside_page" c JOIN "public"."articles" s ON s."tenant" OPERATOR(pg_catalog.=) c."tenant" AND s."id" OPERATOR(pg_catalog.=) c."id") t
        WHERE  t."embedding_item" OPERATOR(pg_catalog.=) f.id AND pg_catalog.int8send(t."embedding_revision") = f.version
                AND NOT "embedding"."is_changed_beside_page"(ARRAY[t."tenant"::text, t."id"::text]) OFFSET 0) t
),
judged AS (
    SELECT f.*, row_number() OVER (ORDER BY f.position DESC, f.id) AS place,
           sum(COALESCE(octet_length(f.text_0), 0) + COALESCE(octet_length(f.text_1), 0)) OVER (ORDER BY f.position DESC, f.id) AS bytes,
           COALESCE(c.leased_until < now(), false) AS was_lost,
           COALESCE(c.leased_until < now() AND c.attempts >= $9 - 1, false) AS is_suspect
    FROM   read f
    LEFT   JOIN LATERAL (
        SELECT leased_until, attempts FROM embedding.claims
        WHERE  corpus = $10 AND kind = $11 AND item_id = f.item_id OFFSET 0
    ) c ON true
),
chosen AS (
    SELECT * FROM judged
    WHERE  CASE WHEN (SELECT is_suspect AND NOT EXISTS (
        SELECT FROM embedding.claims
        WHERE  corpus = $12 AND leased_until > now() AND attempts >= $13) FROM judged WHERE place = 1)
                THEN place = 1 ELSE NOT is_suspect END
    AND    (place = 1 OR bytes <= $14)
),
claimed AS (
    INSERT INTO embedding.claims AS c (corpus, kind, item_id, partition, token, leased_until, version)
    SELECT $15, $16, item_id, $17, $18, clock_timestamp() + $19, version
    FROM   chosen ORDER BY item_id
    ON CONFLICT (corpus, kind, item_id) DO UPDATE
    SET    token = EXCLUDED.token, leased_until = EXCLUDED.leased_until, partition = EXCLUDED.partition,
           version = EXCLUDED.version, attempts = c.attempts + 1
    WHERE  (c.leased_until IS NULL OR c.leased_until < now())
    AND    (c.retry_at IS NULL OR c.retry_at <= now() OR c.version <> EXCLUDED.version)
    RETURNING c.item_id, c.attempts, c.content_hash, c.is_dead
)
SELECT ch.item_id, ch.version, ch.content_hash, ch.state, ch.has_vector, cl.attempts, cl.content_hash, cl.is_dead, ch.was_lost,
       ch.position::text, ch.rule, ch.text_0, ch.text_1
FROM   chosen ch
JOIN   claimed cl USING (item_id)
ORDER  BY ch.place
