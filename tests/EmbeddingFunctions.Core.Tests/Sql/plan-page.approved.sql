SELECT a.partition, n.items
FROM (
    SELECT key, key::text AS partition
    FROM   (SELECT DISTINCT p."id" AS key FROM "public"."tenants" p
            JOIN "public"."accounts" o ON o."id" OPERATOR(pg_catalog.=) p."account"
            WHERE p."state" OPERATOR(pg_catalog.=) 'active'::text AND o."closed_at" IS NULL AND p."id" IS NOT NULL) active
    WHERE  key::text <> ALL ($1::text[])
    AND    ($2::text IS NULL OR key::text = $3)
    ORDER  BY key::text <= $4, key::text
) a
CROSS JOIN LATERAL (
    SELECT count(*) AS items
    FROM (
        SELECT 1
        FROM   "public"."articles" t
        WHERE  t."tenant" OPERATOR(pg_catalog.=) a.key
        AND    (t."embedding_rule" IS DISTINCT FROM '55ae087d6c4c'
            OR t."embedding_generated_at" < t."updated_at"
            OR t."content_hash" IS NULL OR t."embedding_state" IS NULL OR t."embedding_state" = 'rewritten'
            OR t."embedding_state" = 'embedded' AND t."embedding" IS NULL) AND t."state" OPERATOR(pg_catalog.=) 'published'::text
                    AND (t."embedding_generated_at" IS NULL
                    AND (t."created_at" AT TIME ZONE 'UTC') < now() - interval '30 days') IS NOT TRUE
                    AND (t."embedding_rule" = '55ae087d6c4c'
                AND COALESCE(t."embedding_generated_at", '-infinity'::timestamptz) >= (SELECT created_at FROM embedding.jobs
                        WHERE id = $5)) IS NOT TRUE
        AND    NOT EXISTS (
            SELECT FROM embedding.claims c
            WHERE  c.corpus = $6 AND c.kind = $7 AND c.item_id = t."id"::text
            AND    (c.leased_until > now() OR c.retry_at > now()
                    AND COALESCE(c.version = pg_catalog.sha256(pg_catalog.convert_to(ROW(t."title"::text, t."body"::text)::text, 'UTF8'::name)), true))
            OFFSET 0)
        ORDER  BY t."updated_at" DESC, t."id"
        LIMIT  $8
    ) next
) n
WHERE  n.items > 0
LIMIT  $9
