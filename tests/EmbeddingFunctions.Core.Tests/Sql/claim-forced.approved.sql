WITH found AS (
    SELECT t."id" AS id, t."id"::text AS item_id, pg_catalog.sha256(pg_catalog.convert_to(ROW(t."title"::text, t."body"::text)::text, 'UTF8'::name)) AS version, t."content_hash" AS content_hash,
           t."embedding_state" AS state, t."embedding_rule" AS rule, t."embedding" IS NOT NULL AS has_vector,
           t."title"::text AS text_0, t."body"::text AS text_1,
           COALESCE(t."embedding_generated_at", '-infinity'::timestamptz) AS position
    FROM   "public"."articles" t
    WHERE  t."tenant" OPERATOR(pg_catalog.=) $1::uuid AND $1::uuid OPERATOR(pg_catalog.=) ANY (SELECT DISTINCT p."id" AS key
            FROM "public"."tenants" p JOIN "public"."accounts" o ON o."id" OPERATOR(pg_catalog.=) p."account"
            WHERE p."state" OPERATOR(pg_catalog.=) 'active'::text AND o."closed_at" IS NULL AND p."id" IS NOT NULL)
    AND    COALESCE(t."embedding_generated_at", '-infinity'::timestamptz) < $2 AND t."state" OPERATOR(pg_catalog.=) 'published'::text
            AND t."section" OPERATOR(pg_catalog.=) $3::text AND t."id" >= $4
    AND    NOT EXISTS (
        SELECT FROM embedding.claims c
        WHERE  c.corpus = $5 AND c.kind = $6 AND c.item_id = t."id"::text
        AND    (c.leased_until > now() OR c.retry_at > now()
                AND COALESCE(c.version = pg_catalog.sha256(pg_catalog.convert_to(ROW(t."title"::text, t."body"::text)::text, 'UTF8'::name)), true))
        OFFSET 0)
    AND    current_setting('embedding.has_turn') = 'true' AND embedding.ensure_generation('library', 'library', true)
    AND    NOT EXISTS (SELECT FROM embedding.batches WHERE id = $7)
    AND    NOT EXISTS (SELECT FROM embedding.jobs WHERE id = $8 AND cancel_requested_at IS NOT NULL)
    AND    $9 > (
        SELECT count(DISTINCT token) FROM embedding.claims
        WHERE  corpus = $10 AND partition = $11 AND leased_until > now())
    ORDER  BY COALESCE(t."embedding_generated_at", '-infinity'::timestamptz), t."id"
    LIMIT  $12
    FOR    NO KEY UPDATE OF t SKIP LOCKED
),
judged AS (
    SELECT f.*, row_number() OVER (ORDER BY f.position , f.id) AS place,
           sum(COALESCE(octet_length(f.text_0), 0) + COALESCE(octet_length(f.text_1), 0)) OVER (ORDER BY f.position , f.id) AS bytes,
           COALESCE(c.leased_until < now(), false) AS was_lost,
           COALESCE(c.leased_until < now() AND c.attempts >= $13 - 1, false) AS is_suspect
    FROM   found f
    LEFT   JOIN LATERAL (
        SELECT leased_until, attempts FROM embedding.claims
        WHERE  corpus = $14 AND kind = $15 AND item_id = f.item_id OFFSET 0
    ) c ON true
),
chosen AS (
    SELECT * FROM judged
    WHERE  CASE WHEN (SELECT is_suspect AND NOT EXISTS (
        SELECT FROM embedding.claims
        WHERE  corpus = $16 AND leased_until > now() AND attempts >= $17) FROM judged WHERE place = 1)
                THEN place = 1 ELSE NOT is_suspect END
    AND    (place = 1 OR bytes <= $18)
),
claimed AS (
    INSERT INTO embedding.claims AS c (corpus, kind, item_id, partition, token, leased_until, version)
    SELECT $19, $20, item_id, $21, $22, clock_timestamp() + $23, version
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
