INSERT INTO embedding_queue (table_name, record_id, content, embedding_column, user_id)
SELECT $1, t."id", text.content, $2, t.user_id
FROM   "public"."notes" t
CROSS  JOIN LATERAL (SELECT "public"."embedding_text_notes"(t.*) AS content) text
WHERE  t."id"::text = ANY ($3) AND text.content ~ '\S' AND $4 IS NULL
AND    (t."id" OPERATOR(pg_catalog.>=) $5::uuid OR $5 IS NULL)
AND    (t."id" OPERATOR(pg_catalog.<=) $6::uuid OR $6 IS NULL)
ORDER  BY t."id"
ON CONFLICT (table_name, record_id, embedding_column) DO UPDATE
SET    content = EXCLUDED.content, user_id = EXCLUDED.user_id, status = 'pending'
RETURNING record_id::text
