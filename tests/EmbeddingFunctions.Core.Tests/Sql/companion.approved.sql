CREATE OR REPLACE FUNCTION "embedding"."sees_beside_page"(uuid, bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN EXISTS (SELECT FROM "public"."articles" s WHERE s."tenant" OPERATOR(pg_catalog.=) $1 AND s."id" OPERATOR(pg_catalog.=) $2); END';
CREATE TABLE "embedding"."vectors_beside_page" (
    "tenant" uuid NOT NULL,
    "id" bigint NOT NULL,
    "updated_at" timestamp with time zone,
    "embedding_item" text NOT NULL UNIQUE,
    "embedding_revision" bigint NOT NULL DEFAULT (EXTRACT(epoch FROM clock_timestamp()) * 1000000)::bigint,
    "embedding" "public".vector(512),
    "embedding_generated_at" timestamp with time zone,
    "embedding_model" text,
    "embedding_rule" text,
    "embedding_truncated" integer,
    "content_hash" text,
    "embedding_state" text,
    CHECK ("embedding_state" IN ('embedded', 'empty', 'failed', 'ignored', 'rewritten')),
    PRIMARY KEY ("tenant", "id")
);
CREATE TABLE "embedding"."embedding_changes_vectors_beside_page" ("tenant" uuid NOT NULL, "id" bigint NOT NULL);
CREATE OR REPLACE FUNCTION "embedding"."is_changed_beside_page"(text[]) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN EXISTS (SELECT FROM "embedding"."embedding_changes_vectors_beside_page" x WHERE x."tenant" OPERATOR(pg_catalog.=) ($1)[1]::uuid AND x."id" OPERATOR(pg_catalog.=) ($1)[2]::bigint); END';
CREATE OR REPLACE FUNCTION "embedding"."settle_beside_page"(tid, integer) RETURNS tid LANGUAGE plpgsql VOLATILE SET enable_seqscan = off SET plan_cache_mode = force_custom_plan SET lock_timeout = '500ms' SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS '#variable_conflict use_column
DECLARE
    last_place tid;
BEGIN
    IF NOT EXISTS (SELECT FROM "embedding"."embedding_changes_vectors_beside_page")
            OR pg_catalog.current_setting(''transaction_read_only'')::boolean THEN
        RETURN NULL;
    END IF;
    WITH noted AS MATERIALIZED (
        SELECT x.ctid AS embedding_place, x."tenant", x."id", x.embedding_noted_at
        FROM  "embedding"."embedding_changes_vectors_beside_page" x
        WHERE  x.ctid > $1 LIMIT $2 FOR UPDATE SKIP LOCKED
    ),
    free AS MATERIALIZED (
        SELECT c."tenant", c."id" FROM "embedding"."vectors_beside_page" c
        WHERE  EXISTS (SELECT FROM noted k WHERE c."tenant" OPERATOR(pg_catalog.=) k."tenant" AND c."id" OPERATOR(pg_catalog.=) k."id")
        FOR    NO KEY UPDATE SKIP LOCKED
    ),
    taken AS (
        DELETE FROM "embedding"."embedding_changes_vectors_beside_page" x USING noted k
        WHERE  x.ctid = k.embedding_place
        AND   (EXISTS (SELECT FROM free c WHERE c."tenant" OPERATOR(pg_catalog.=) k."tenant" AND c."id" OPERATOR(pg_catalog.=) k."id")
               OR NOT EXISTS (SELECT FROM "embedding"."vectors_beside_page" c WHERE c."tenant" OPERATOR(pg_catalog.=) k."tenant"
                       AND c."id" OPERATOR(pg_catalog.=) k."id"))
        AND   (NOT pg_catalog.row_security_active(''"public"."articles"''::pg_catalog.regclass) OR EXISTS (SELECT
                FROM "public"."articles" t WHERE t."tenant" OPERATOR(pg_catalog.=) k."tenant" AND t."id" OPERATOR(pg_catalog.=) k."id"
                AND t."state" OPERATOR(pg_catalog.=) ''published''::text))
        RETURNING k."tenant", k."id", k.embedding_noted_at
    ),
    items AS MATERIALIZED (SELECT "tenant", "id", min(embedding_noted_at) AS embedding_noted_at FROM taken GROUP BY "tenant", "id"),
    gone AS (
        DELETE FROM "embedding"."vectors_beside_page" c USING items k WHERE c."tenant" OPERATOR(pg_catalog.=) k."tenant"
                AND c."id" OPERATOR(pg_catalog.=) k."id" AND NOT EXISTS (SELECT FROM "public"."articles" t
                WHERE t."tenant" OPERATOR(pg_catalog.=) k."tenant" AND t."id" OPERATOR(pg_catalog.=) k."id"
                AND t."state" OPERATOR(pg_catalog.=) ''published''::text)
    ),
    kept AS (
        INSERT INTO "embedding"."vectors_beside_page" AS c ("tenant", "id", "updated_at", "embedding_item", "embedding_rule")
        SELECT t."tenant", t."id", t."updated_at", pg_catalog.jsonb_build_array(
            t."tenant"::text, t."id"::text)::text, ''@'' || (EXTRACT(epoch FROM k.embedding_noted_at) * 1000)::bigint
                    FROM "public"."articles" t JOIN items k ON t."tenant" OPERATOR(pg_catalog.=) k."tenant"
                    AND t."id" OPERATOR(pg_catalog.=) k."id"
        WHERE  (true AND t."state" OPERATOR(pg_catalog.=) ''published''::text) IS TRUE
        ORDER  BY t."tenant", t."id"
        ON CONFLICT ("tenant", "id") DO UPDATE SET "embedding_revision" = c."embedding_revision" + 1, "embedding_rule" = CASE WHEN c."embedding_rule" LIKE ''@%'' THEN c."embedding_rule" ELSE EXCLUDED."embedding_rule" END, "updated_at" = EXCLUDED."updated_at"
    )
    SELECT max(embedding_place) FROM noted INTO last_place;
    RETURN last_place;
END';
CREATE OR REPLACE FUNCTION "embedding"."note_edit_beside_page"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS '#variable_conflict use_variable
DECLARE
    is_edited boolean := true;
    is_taken boolean := true;
    old_key_0 uuid; new_key_0 uuid;
    old_key_1 bigint; new_key_1 bigint;
BEGIN
    BEGIN
        old_key_0 := OLD."tenant"; new_key_0 := NEW."tenant";
        old_key_1 := OLD."id"; new_key_1 := NEW."id";
        IF pg_catalog.current_setting(''server_version_num'')::integer >= 170000 THEN
    is_edited := CASE WHEN pg_catalog.pg_column_toast_chunk_id(NEW."tenant") = pg_catalog.pg_column_toast_chunk_id(OLD."tenant")
            THEN false ELSE NEW."tenant"::text IS DISTINCT FROM OLD."tenant"::text END
            OR CASE WHEN pg_catalog.pg_column_toast_chunk_id(NEW."id") = pg_catalog.pg_column_toast_chunk_id(OLD."id")
            THEN false ELSE NEW."id"::text IS DISTINCT FROM OLD."id"::text END
            OR CASE WHEN pg_catalog.pg_column_toast_chunk_id(NEW."title") = pg_catalog.pg_column_toast_chunk_id(OLD."title")
            THEN false ELSE NEW."title"::text IS DISTINCT FROM OLD."title"::text END
            OR CASE WHEN pg_catalog.pg_column_toast_chunk_id(NEW."body") = pg_catalog.pg_column_toast_chunk_id(OLD."body")
            THEN false ELSE NEW."body"::text IS DISTINCT FROM OLD."body"::text END
            OR CASE WHEN pg_catalog.pg_column_toast_chunk_id(NEW."state") = pg_catalog.pg_column_toast_chunk_id(OLD."state")
            THEN false ELSE NEW."state"::text IS DISTINCT FROM OLD."state"::text END;
ELSE
    is_edited := NEW."tenant"::text IS DISTINCT FROM OLD."tenant"::text OR NEW."id"::text IS DISTINCT FROM OLD."id"::text
            OR NEW."title"::text IS DISTINCT FROM OLD."title"::text OR NEW."body"::text IS DISTINCT FROM OLD."body"::text
            OR NEW."state"::text IS DISTINCT FROM OLD."state"::text;
END IF;
        IF is_edited THEN
            is_taken := (true AND NEW."state" OPERATOR(pg_catalog.=) ''published''::text) IS TRUE;
            IF NOT (pg_catalog.to_regclass(''"embedding"."embedding_changes_vectors_beside_page"'') IS NOT NULL) THEN
                RAISE undefined_table USING MESSAGE = ''the table of changes is gone'';
            END IF;
        END IF;
    EXCEPTION WHEN undefined_column OR undefined_table OR undefined_function OR datatype_mismatch OR invalid_text_representation
            OR numeric_value_out_of_range THEN
        RAISE WARNING ''embeddings: % was altered since it was migrated: %'', TG_RELID::pg_catalog.regclass, SQLERRM;
        is_edited := new_key_0 IS NOT NULL AND new_key_1 IS NOT NULL
                AND pg_catalog.to_regclass(''"embedding"."embedding_changes_vectors_beside_page"'') IS NOT NULL;
    END;
    IF is_edited THEN
        IF NOT (old_key_0 OPERATOR(pg_catalog.=) new_key_0 AND old_key_1 OPERATOR(pg_catalog.=) new_key_1) THEN
            DELETE FROM "embedding"."vectors_beside_page" c WHERE c."tenant" OPERATOR(pg_catalog.=) old_key_0
                    AND c."id" OPERATOR(pg_catalog.=) old_key_1;
            INSERT INTO "embedding"."embedding_changes_vectors_beside_page" VALUES (old_key_0, old_key_1);
        END IF;
        IF NOT is_taken THEN
            DELETE FROM "embedding"."vectors_beside_page" c WHERE c."tenant" OPERATOR(pg_catalog.=) new_key_0
                    AND c."id" OPERATOR(pg_catalog.=) new_key_1;
        END IF;
        INSERT INTO "embedding"."embedding_changes_vectors_beside_page" VALUES (new_key_0, new_key_1);
        IF pg_catalog.current_setting(''embeddings.told'', true) IS DISTINCT FROM ''beside'' THEN
        PERFORM pg_catalog.set_config(''embeddings.told'', ''beside'', true),
            pg_catalog.pg_notify(''embedding_work'', ''beside'');
    END IF;
    END IF;
    RETURN NEW;
END';
REVOKE EXECUTE ON FUNCTION "embedding"."note_edit_beside_page"() FROM PUBLIC;
CREATE OR REPLACE FUNCTION "embedding"."note_rows_beside_page"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'BEGIN
    IF TG_OP = ''INSERT'' AND TG_LEVEL = ''STATEMENT'' THEN
        INSERT INTO "embedding"."embedding_changes_vectors_beside_page" SELECT t."tenant", t."id" FROM added t WHERE (true
                AND t."state" OPERATOR(pg_catalog.=) ''published''::text) IS TRUE;
    ELSIF TG_OP = ''INSERT'' THEN
        INSERT INTO "embedding"."embedding_changes_vectors_beside_page" SELECT t."tenant", t."id" FROM (SELECT NEW.*) t WHERE (true
                AND t."state" OPERATOR(pg_catalog.=) ''published''::text) IS TRUE;
    ELSIF TG_OP = ''DELETE'' AND TG_LEVEL = ''STATEMENT'' THEN
        DELETE FROM "embedding"."vectors_beside_page" c USING removed o WHERE c."tenant" OPERATOR(pg_catalog.=) o."tenant"
                AND c."id" OPERATOR(pg_catalog.=) o."id";
        INSERT INTO "embedding"."embedding_changes_vectors_beside_page" SELECT t."tenant", t."id" FROM removed t WHERE (true
                AND t."state" OPERATOR(pg_catalog.=) ''published''::text) IS TRUE;
    ELSIF TG_OP = ''DELETE'' THEN
        DELETE FROM "embedding"."vectors_beside_page" c WHERE c."tenant" OPERATOR(pg_catalog.=) OLD."tenant"
                AND c."id" OPERATOR(pg_catalog.=) OLD."id";
        INSERT INTO "embedding"."embedding_changes_vectors_beside_page" SELECT t."tenant", t."id" FROM (SELECT OLD.*) t WHERE (true
                AND t."state" OPERATOR(pg_catalog.=) ''published''::text) IS TRUE;
    ELSE
        DELETE FROM "embedding"."vectors_beside_page";
        DELETE FROM "embedding"."embedding_changes_vectors_beside_page";
    END IF;
    IF TG_OP = ''INSERT'' THEN
        IF pg_catalog.current_setting(''embeddings.told'', true) IS DISTINCT FROM ''beside'' THEN
        PERFORM pg_catalog.set_config(''embeddings.told'', ''beside'', true),
            pg_catalog.pg_notify(''embedding_work'', ''beside'');
    END IF;
    END IF;
    RETURN NULL;
EXCEPTION WHEN undefined_column OR undefined_table OR undefined_function OR datatype_mismatch OR invalid_text_representation
        OR numeric_value_out_of_range THEN
    RAISE WARNING ''embeddings: % was altered since it was migrated: %'', TG_RELID::pg_catalog.regclass, SQLERRM;
    RETURN NULL;
END';
REVOKE EXECUTE ON FUNCTION "embedding"."note_rows_beside_page"() FROM PUBLIC;
CREATE OR REPLACE TRIGGER "zzz_embedding_edit_beside_page" AFTER UPDATE ON "public"."articles" FOR EACH ROW EXECUTE FUNCTION "embedding"."note_edit_beside_page"();
ALTER TABLE "public"."articles" ENABLE ALWAYS TRIGGER "zzz_embedding_edit_beside_page";
CREATE OR REPLACE TRIGGER "embedding_truncate_beside_page" AFTER TRUNCATE ON "public"."articles" FOR EACH STATEMENT EXECUTE FUNCTION "embedding"."note_rows_beside_page"();
ALTER TABLE "public"."articles" ENABLE ALWAYS TRIGGER "embedding_truncate_beside_page";
CREATE OR REPLACE TRIGGER "embedding_insert_row_beside_page" AFTER INSERT ON "public"."articles" FOR EACH ROW EXECUTE FUNCTION "embedding"."note_rows_beside_page"();
ALTER TABLE "public"."articles" ENABLE REPLICA TRIGGER "embedding_insert_row_beside_page";
CREATE OR REPLACE TRIGGER "embedding_delete_row_beside_page" AFTER DELETE ON "public"."articles" FOR EACH ROW EXECUTE FUNCTION "embedding"."note_rows_beside_page"();
ALTER TABLE "public"."articles" ENABLE REPLICA TRIGGER "embedding_delete_row_beside_page";
CREATE OR REPLACE TRIGGER "embedding_insert_beside_page" AFTER INSERT ON "public"."articles" REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION "embedding"."note_rows_beside_page"();
CREATE OR REPLACE TRIGGER "embedding_delete_beside_page" AFTER DELETE ON "public"."articles" REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION "embedding"."note_rows_beside_page"();
"embedding_keys_vectors_beside_page" ON "embedding"."embedding_changes_vectors_beside_page" ("tenant", "id");
"embedding_pending_vectors_beside_page_beeeb058" ON "embedding"."vectors_beside_page" ("updated_at" DESC, "embedding_item")
        WHERE ("embedding_rule" IS DISTINCT FROM '29bde7258902'
    OR "content_hash" IS NULL OR "embedding_state" IS NULL OR "embedding_state" = 'rewritten'
    OR "embedding_state" = 'embedded' AND "embedding" IS NULL);
"embedding_age_vectors_beside_page_428f5df3" ON "embedding"."vectors_beside_page" ((COALESCE("embedding_generated_at", '-infinity'::timestamptz)), "embedding_item");
"embedding_other_model_vectors_beside_page_8b8e835e" ON "embedding"."vectors_beside_page" ("embedding_item")
        WHERE "embedding" IS NOT NULL AND "embedding_model" OPERATOR(pg_catalog.<>) 'text-embedding-3-small';
"embedding_hnsw_vectors_beside_page" ON "embedding"."vectors_beside_page" USING hnsw ("embedding" "public".vector_cosine_ops) WITH (m = 16, ef_construction = 64);
CREATE OR REPLACE VIEW "embedding"."live_beside_page" WITH (security_invoker = true) AS
SELECT "tenant", "id", "embedding"::"public".vector AS "embedding", "embedding_generated_at", "embedding_model", CASE WHEN NOT ("embedding_rule" IS NULL OR "embedding_rule" LIKE '@%') AND NOT "embedding"."is_changed_beside_page"(ARRAY["tenant"::text, "id"::text]) THEN "embedding_rule" END AS "embedding_rule", "embedding_truncated", "content_hash", "embedding_state" FROM "embedding"."vectors_beside_page";
CREATE OR REPLACE FUNCTION embedding."search_of_beside"() RETURNS pg_catalog.jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT ''{"model":"text-embedding-3-small","dimensions":512,"kinds":[{"kind":"page","source":"(SELECT s.\"tenant\", s.\"id\", s.\"updated_at\", s.\"title\", s.\"body\", s.\"state\", s.\"section\", c.\"embedding_generated_at\", c.\"embedding_model\", c.\"embedding_rule\", c.\"embedding_truncated\", c.\"content_hash\", c.\"embedding_state\", c.\"embedding\", c.\"embedding_item\" FROM \"public\".\"articles\" s LEFT JOIN \"embedding\".\"vectors_beside_page\" c ON s.\"tenant\" OPERATOR(pg_catalog.=) c.\"tenant\" AND s.\"id\" OPERATOR(pg_catalog.=) c.\"id\") t","id":"t.\"embedding_item\"::text","key":"t.\"embedding_item\"","keyType":"text","partition":null,"partitionType":"text","vector":"t.\"embedding\"","vectorType":"\"public\".vector(512)","array":"t.\"embedding\"::\"public\".vector(512)::real[]","distance":"OPERATOR(\"public\".<=>)","dimensions":512,"current":"t.\"embedding\" IS NOT NULL AND t.\"embedding_rule\" = ''''29bde7258902'''' AND t.\"content_hash\" <> '''''''' AND t.\"embedding_state\" = ''''embedded''''\n    \n    ","changed":"\"embedding\".\"is_changed_beside_page\"(ARRAY[t.\"tenant\"::text, t.\"id\"::text])","changedById":"\"embedding\".\"is_changed_beside_page\"(ARRAY(SELECT pg_catalog.jsonb_array_elements_text(u.id::jsonb)))","kept":"t.\"embedding\" IS NOT NULL AND t.\"embedding_model\" = ''''text-embedding-3-small''''","allowed":"(true AND t.\"state\" OPERATOR(pg_catalog.=) ''''published''''::text ) IS TRUE","shown":"(t.\"embedding_state\" IN (''''failed'''', ''''ignored'''') AND NOT (t.\"embedding_rule\" IS NULL OR t.\"embedding_rule\" LIKE ''''@%'''')\n    AND NOT \"embedding\".\"is_changed_beside_page\"(ARRAY[t.\"tenant\"::text, t.\"id\"::text])) IS NOT TRUE","hash":"t.\"content_hash\"","title":"t.\"title\"::text","document":"t.\"body\"::text","language":"''''simple''''","truncated":"t.\"embedding_truncated\"","columns":{"title":{"sql":"t.\"title\"","type":"text"},"body":{"sql":"t.\"body\"","type":"text"},"tenant":{"sql":"t.\"tenant\"","type":"uuid"},"id":{"sql":"t.\"id\"","type":"bigint"},"updated_at":{"sql":"t.\"updated_at\"","type":"timestamp with time zone"},"section":{"sql":"t.\"section\"","type":"text"}},"words":null,"chunks":null}]}''::pg_catalog.jsonb'
