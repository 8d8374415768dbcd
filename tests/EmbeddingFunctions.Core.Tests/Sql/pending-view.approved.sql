CREATE OR REPLACE VIEW "public"."pending_items" WITH (security_invoker = true) AS
SELECT * FROM (
SELECT 'article'::text AS item_type, t."id"::text AS id, t."title" AS "title",
       t."embedding_generated_at" AS embedding_generated_at, t."content_hash" AS content_hash, 2 AS
           priority_score
FROM   "public"."articles" t
WHERE  (t."embedding_rule" IS DISTINCT FROM '55ae087d6c4c'
    OR t."embedding_generated_at" < t."updated_at"
    OR t."content_hash" IS NULL OR t."embedding_state" IS NULL OR t."embedding_state" = 'rewritten'
    OR t."embedding_state" = 'embedded' AND t."embedding" IS NULL) AND t."state" OPERATOR(pg_catalog.=) 'published'::text
            AND t."tenant" OPERATOR(pg_catalog.=) ANY (SELECT DISTINCT p."id" AS key FROM "public"."tenants" p
            JOIN "public"."accounts" o ON o."id" OPERATOR(pg_catalog.=) p."account"
            WHERE p."state" OPERATOR(pg_catalog.=) 'active'::text AND o."closed_at" IS NULL AND p."id" IS NOT NULL)
UNION ALL
SELECT 'note'::text AS item_type, t."id"::text AS id, t."title" AS "title",
       t."embedding_generated_at" AS embedding_generated_at, t."content_hash" AS content_hash, 1 AS
           priority_score
FROM   "public"."notes" t
WHERE  (t."embedding_rule" IS DISTINCT FROM '2bf9cffb374f'
    OR t."content_hash" IS NULL OR t."embedding_state" IS NULL OR t."embedding_state" = 'rewritten'
    OR t."embedding_state" = 'embedded' AND t."embedding" IS NULL)
            AND t."tenant" OPERATOR(pg_catalog.=) ANY (SELECT DISTINCT p."id" AS key FROM "public"."tenants" p
            JOIN "public"."accounts" o ON o."id" OPERATOR(pg_catalog.=) p."account"
            WHERE p."state" OPERATOR(pg_catalog.=) 'active'::text AND o."closed_at" IS NULL AND p."id" IS NOT NULL)
) items
ORDER BY priority_score DESC
