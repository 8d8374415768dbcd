WITH found AS (
    SELECT t."id" AS id, t."id"::text AS item_id, pg_catalog.sha256(pg_catalog.convert_to(ROW(t."title"::text, t."body"::text)::text, 'UTF8'::name)) AS version, t."content_hash" AS content_hash,
           t."embedding_state" AS state, t."embedding_rule" AS rule, t."embedding" IS NOT NULL AS has_vector,
           t."title"::text AS text_0, t."body"::text AS text_1,
           t."updated_at" AS position
    FROM   "public"."articles" t
    WHERE  t."tenant" OPERATOR(pg_catalog.=) $1::uuid AND $1::uuid OPERATOR(pg_catalog.=) ANY (SELECT DISTINCT p."id" AS key
            FROM "public"."tenants" p JOIN "public"."accounts" o ON o."id" OPERATOR(pg_catalog.=) p."account"
            WHERE p."state" OPERATOR(pg_catalog.=) 'active'::text AND o."closed_at" IS NULL AND p."id" IS NOT NULL)
    AND    (t."embedding_rule" IS DISTINCT FROM '55ae087d6c4c'
        OR t."embedding_generated_at" < t."updated_at"
        OR t."content_hash" IS NULL OR t."embedding_state" IS NULL OR t."embedding_state" = 'rewritten'
        OR t."embedding_state" = 'embedded' AND t."embedding" IS NULL) AND t."state" OPERATOR(pg_catalog.=) 'published'::text
                AND (t."embedding_rule" = '55ae087d6c4c'
            AND COALESCE(t."embedding_generated_at", '-infinity'::timestamptz) >= (SELECT created_at FROM embedding.jobs
                    WHERE id = $2)) IS NOT TRUE
    AND    NOT EXISTS (
        SELECT FROM embedding.claims c
        WHERE  c.corpus = $3 AND c.kind = $4 AND c.item_id = t."id"::text
        AND    (c.leased_until > now() OR c.retry_at > now()
                AND COALESCE(c.version = pg_catalog.sha256(pg_catalog.convert_to(ROW(t."title"::text, t."body"::text)::text, 'UTF8'::name)), true))
        OFFSET 0)
    AND    current_setting('embedding.has_turn') = 'true' AND embedding.ensure_generation('library', 'library', true)
    AND    NOT EXISTS (SELECT FROM embedding.batches WHERE id = $5)
    AND    NOT EXISTS (SELECT FROM embedding.jobs WHERE id = $6 AND cancel_requested_at IS NOT NULL)
    AND    $7 > (
        SELECT count(DISTINCT token) FROM embedding.claims
        WHERE  corpus = $8 AND partition = $9 AND leased_until > now())
    ORDER  BY t."updated_at" DESC, t."id"
    LIMIT  $10
    FOR    NO KEY UPDATE OF t SKIP LOCKED
),
judged AS (
    SELECT f.*, row_number() OVER (ORDER BY f.position DESC, f.id) AS place,
           sum(COALESCE(octet_length(f.text_0), 0) + COALESCE(octet_length(f.text_1), 0)) OVER (ORDER BY f.position DESC, f.id) AS bytes,
           COALESCE(c.leased_until < now(), false) AS was_lost,
           COALESCE(c.leased_until < now() AND c.attempts >= $11 - 1, false) AS is_suspect
    FROM   found f
    LEFT   JOIN LATERAL (
        SELECT leased_until, attempts FROM embedding.claims
        WHERE  corpus = $12 AND kind = $13 AND item_id = f.item_id OFFSET 0
    ) c ON true
),
chosen AS (
    SELECT * FROM judged
    WHERE  CASE WHEN (SELECT is_suspect AND NOT EXISTS (
        SELECT FROM embedding.claims
        WHERE  corpus = $14 AND leased_until > now() AND attempts >= $15) FROM judged WHERE place = 1)
                THEN place = 1 ELSE NOT is_suspect END
    AND    (place = 1 OR bytes <= $16)
),
claimed AS (
    INSERT INTO embedding.claims AS c (corpus, kind, item_id, partition, token, leased_until, version)
    SELECT $17, $18, item_id, $19, $20, clock_timestamp() + $21, version
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
