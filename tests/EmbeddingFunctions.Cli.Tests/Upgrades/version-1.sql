SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA embedding;
CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;
CREATE FUNCTION embedding.receive_queue_row() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
    key_type text;
BEGIN
    IF NEW.taken_at IS DISTINCT FROM OLD.taken_at THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.content IS DISTINCT FROM OLD.content THEN
        NEW.status := 'pending';
    END IF;
    IF NEW.status::text <> 'pending' THEN
        RETURN NEW;
    END IF;
    SELECT t.key_type INTO key_type FROM embedding.queue_targets t
    WHERE  t.table_name = NEW.table_name::text AND t.embedding_column = NEW.embedding_column::text;
    IF NOT FOUND THEN
        NEW.status := 'failed';
        NEW.processed_at := clock_timestamp();
        NEW.error_message := 'no declared corpus embeds ' || NEW.table_name || '.' || NEW.embedding_column || ': nothing is written there';
        RETURN NEW;
    END IF;
    -- One spelling of an id, so that no row is queued twice.
    IF key_type = 'uuid' AND NEW.record_id::text ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
        NEW.record_id := lower(NEW.record_id::text);
    ELSIF key_type IN ('bigint', 'integer') AND NEW.record_id::text ~ '^-?[0-9]{1,19}$' THEN
        NEW.record_id := NEW.record_id::text::numeric::text;
    END IF;
    NEW.taken_at := NULL;
    NEW.error_message := NULL;
    NEW.processed_at := NULL;
    NEW.attempts := 0;
    RETURN NEW;
END
$_$;
CREATE FUNCTION public.embedding_note_edit_notes() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$DECLARE
    is_edited boolean := true;
    is_told boolean := true;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF pg_catalog.current_setting('server_version_num')::integer >= 170000 THEN
    is_edited := CASE WHEN pg_catalog.pg_column_toast_chunk_id(NEW."embedding_content") = pg_catalog.pg_column_toast_chunk_id(OLD."embedding_content") THEN false ELSE NEW."embedding_content"::text IS DISTINCT FROM OLD."embedding_content"::text END;
ELSE
    is_edited := NEW."embedding_content"::text IS DISTINCT FROM OLD."embedding_content"::text;
END IF;
    END IF;
    IF is_edited THEN
        IF TG_OP = 'UPDATE' AND current_setting('embeddings.keeps_text', true) = 'on' THEN
            NEW."embedding_state" := 'rewritten';
        ELSE
            NEW."embedding_rule" := NULL;
        END IF;
        IF TG_OP = 'INSERT' AND NEW."embedding" IS NOT NULL AND NEW."embedding_model" OPERATOR(pg_catalog.<>) 'text-embedding-3-small' THEN
            NEW."embedding" := NULL;
        END IF;
    ELSIF NEW."embedding_generated_at" IS DISTINCT FROM OLD."embedding_generated_at" THEN
        NEW."embedding_generated_at" := GREATEST(NEW."embedding_generated_at");
    END IF;
    
    RETURN NEW;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'embeddings: % was altered since it was migrated: %', TG_RELID::pg_catalog.regclass, SQLERRM;
    BEGIN
        -- The engine has compared the text itself.
        IF TG_OP = 'INSERT' OR NEW."embedding_generated_at" IS NOT DISTINCT FROM OLD."embedding_generated_at" THEN
            NEW."embedding_rule" := NULL;
            
        END IF;
    EXCEPTION WHEN OTHERS THEN
        RETURN NEW;
    END;
    RETURN NEW;
END$$;
CREATE FUNCTION public.embedding_queue_content_notes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$DECLARE
    is_edited boolean := true;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF pg_catalog.current_setting('server_version_num')::integer >= 170000 THEN
    is_edited := CASE WHEN pg_catalog.pg_column_toast_chunk_id(NEW."title") = pg_catalog.pg_column_toast_chunk_id(OLD."title") THEN false ELSE NEW."title"::text IS DISTINCT FROM OLD."title"::text END;
ELSE
    is_edited := NEW."title"::text IS DISTINCT FROM OLD."title"::text;
END IF;
    END IF;
    IF is_edited THEN
        NEW."embedding_content" := "public"."embedding_text_notes"(NEW);
    END IF;
    RETURN NEW;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'embeddings: % was altered since it was migrated: %', TG_RELID::pg_catalog.regclass, SQLERRM;
    -- Without it, the text as declared counts: an edit is noted, though what it says cannot be read here.
    IF pg_catalog.current_setting('embeddings.writing', true) IS DISTINCT FROM 'on' THEN
        NEW."embedding_content" := NULL;
    END IF;
    RETURN NEW;
END$$;
CREATE FUNCTION public.embedding_queue_enqueue_notes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_nestloop TO 'off'
    SET enable_hashjoin TO 'on'
    AS $$DECLARE
    items text[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT pg_catalog.array_agg(n."id"::text ORDER BY n."id") INTO items FROM embedding_new n;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT pg_catalog.array_agg(o."id"::text) INTO items FROM embedding_old o;
    ELSE
        SELECT pg_catalog.array_agg(n."id"::text ORDER BY n."id") INTO items
        FROM   embedding_new n LEFT JOIN embedding_old o ON o."id" OPERATOR(pg_catalog.=) n."id"
        WHERE  o."id" IS NULL OR ((true) IS TRUE) <> ((true) IS TRUE)
        OR     (n."embedding_rule" IS NULL AND ROW(n."title"::text) IS DISTINCT FROM ROW(o."title"::text));
    END IF;
    IF items IS NOT NULL THEN
        PERFORM "public"."embedding_queue_take_notes"(items, TG_OP);
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'embedding_queue takes no row of %: %', TG_RELID::pg_catalog.regclass, SQLERRM;
    RETURN NULL;
END$$;
CREATE FUNCTION public.embedding_queue_settle_notes(items text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '250ms'
    SET enable_nestloop TO 'on'
    SET enable_seqscan TO 'off'
    AS $$#variable_conflict use_variable
DECLARE
    item text;
BEGIN
    LOOP
        BEGIN
            FOREACH item IN ARRAY items LOOP
                UPDATE "public".embedding_queue q
                SET    status = s.status, error_message = s.reason, attempts = COALESCE(s.attempts, q.attempts), taken_at =
                    clock_timestamp(),
                       processed_at = CASE WHEN s.status IN ('completed', 'failed') THEN clock_timestamp() END
                FROM  (SELECT k.is_item, k.attempts,
                              CASE WHEN k.is_leased THEN 'processing' WHEN k.is_item IS NOT TRUE THEN 'failed' WHEN k.is_pending
                                  THEN 'pending'
                                   WHEN k.state IN ('failed', 'ignored') THEN 'failed'
                                   ELSE 'completed' END AS status,
                              CASE WHEN k.is_leased THEN NULL WHEN k.is_item IS NULL THEN 'the row was deleted'
                                   WHEN NOT k.is_item THEN 'the declaration leaves this row out'
                                   WHEN k.is_pending OR k.state = 'failed' THEN k.reason
                                   WHEN k.state = 'ignored' THEN 'it is ignored until its text changes'
                                   WHEN k.state = 'empty' THEN 'the text is blank: there is nothing to embed' END
                                       AS reason
                       FROM  (SELECT c.leased_until > clock_timestamp() AS is_leased, c.attempts, c.reason,
                                     CASE WHEN t."id" IS NOT NULL THEN (true) IS TRUE END AS is_item,
                                     COALESCE((t."embedding_rule" IS DISTINCT FROM '7dbc21001c5e'
    
    OR t."content_hash" IS NULL OR t."embedding_state" IS NULL OR t."embedding_state" = 'rewritten'
    OR t."embedding_state" = 'embedded' AND t."embedding" IS NULL), false) AS is_pending, t."embedding_state" AS state
                              FROM  (SELECT) one
                              LEFT   JOIN embedding.claims c ON c.corpus = 'notes' AND c.kind = 'note' AND c.item_id = item
                              LEFT   JOIN "public"."notes" t ON t."id" OPERATOR(pg_catalog.=) item::integer) k) s
                WHERE  table_name::text = 'notes' AND embedding_column::text = 'embedding' AND q.record_id::text = item
                AND    NOT (q.status::text = 'pending' AND q.taken_at IS NULL)
                AND    NOT (q.status::text = 'completed' AND s.is_item IS NOT TRUE)
                AND    (q.status::text, q.error_message::text, q.attempts) IS DISTINCT FROM (s.status, s.reason,
                    COALESCE(s.attempts, q.attempts));
            END LOOP;
            RETURN;
        EXCEPTION
            WHEN lock_not_available THEN
                -- What another transaction holds is left to a later run; the rest is locked from here on.
                items := ARRAY(SELECT q.record_id::text FROM "public".embedding_queue q
                               WHERE table_name::text = 'notes' AND embedding_column::text = 'embedding' AND q.record_id::text = ANY (items) FOR NO KEY UPDATE SKIP LOCKED);
            WHEN OTHERS THEN
                IF pg_catalog.cardinality(items) <= 1 THEN
                    RAISE WARNING 'embedding_queue keeps its row of %: %', items[1], SQLERRM;
                    RETURN;
                END IF;
                FOREACH item IN ARRAY items LOOP
                    PERFORM "public"."embedding_queue_settle_notes"(ARRAY[item]);
                END LOOP;
                RETURN;
        END;
    END LOOP;
END$$;
CREATE FUNCTION public.embedding_queue_take_notes(items text[], event text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_nestloop TO 'on'
    SET enable_seqscan TO 'off'
    AS $$#variable_conflict use_variable
DECLARE
    item text;
    place text;
BEGIN
    BEGIN
        IF event = 'DELETE' THEN
            -- Its text goes with it; what a row of the queue that another holds says is left to a later run.
            UPDATE "public".embedding_queue q
            SET    content = '', taken_at = clock_timestamp(), status = CASE q.status::text WHEN 'completed' THEN 'completed'
                ELSE 'failed' END,
                   error_message = CASE q.status::text WHEN 'completed' THEN q.error_message ELSE 'the row was deleted' END,
                   processed_at = CASE q.status::text WHEN 'completed' THEN q.processed_at ELSE clock_timestamp() END
            WHERE  q.ctid = ANY (ARRAY(
                SELECT h.ctid FROM "public".embedding_queue h WHERE table_name::text = 'notes' AND embedding_column::text = 'embedding' AND h.record_id::text = ANY
                    (items)
                FOR UPDATE SKIP LOCKED));
        ELSE
            INSERT INTO "public".embedding_queue (table_name, record_id, content,
                embedding_column, taken_at)
            SELECT 'notes', r.key, r.content, 'embedding'
                   , clock_timestamp()
            FROM   pg_catalog.unnest(items) AS w (key)
            CROSS  JOIN LATERAL (
                SELECT t."id" AS key, t."embedding_content" AS
                    content
                FROM   "public"."notes" t WHERE t."id" OPERATOR(pg_catalog.=) w.key::integer AND (true) IS TRUE OFFSET
                    0) r
            WHERE  event = 'UPDATE' OR r.content ~ '\S'
            ON CONFLICT (table_name, record_id, embedding_column) DO UPDATE
            SET    content = EXCLUDED.content, status = 'pending',
                error_message = NULL,
                   processed_at = NULL, attempts = 0, taken_at = clock_timestamp();
        END IF;
    EXCEPTION WHEN OTHERS THEN
        IF pg_catalog.cardinality(items) <= 1 THEN
            GET STACKED DIAGNOSTICS place = PG_EXCEPTION_CONTEXT;
            RAISE WARNING 'embedding_queue takes no row of %: % (%)', items[1], SQLERRM, pg_catalog.split_part(place, E'\n', 1)
                USING HINT = 'Triggers of embedding_queue look names up in pg_catalog alone: '
                    || 'write them with their schema, or ALTER FUNCTION … SET search_path.';
        ELSE
            FOREACH item IN ARRAY items LOOP
                PERFORM "public"."embedding_queue_take_notes"(ARRAY[item], event);
            END LOOP;
            RETURN;
        END IF;
    END;
    -- The others are as they were queued: pending, and held by no run.
    items := ARRAY(
        SELECT w.key FROM pg_catalog.unnest(items) AS w (key)
        WHERE  EXISTS (SELECT FROM embedding.claims c WHERE c.corpus = 'notes' AND c.kind = 'note' AND c.item_id = w.key OFFSET 0)
        OR     event <> 'DELETE' AND NOT EXISTS (
            SELECT FROM "public"."notes" t
            WHERE  t."id" OPERATOR(pg_catalog.=) w.key::integer AND t."embedding_rule" IS NULL AND (true) IS TRUE
                OFFSET 0));
    PERFORM "public"."embedding_queue_settle_notes"(items);
END$$;
CREATE FUNCTION public.embedding_queue_watch_notes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$BEGIN PERFORM "public"."embedding_queue_settle_notes"(ARRAY[COALESCE(NEW.item_id, OLD.item_id)]); RETURN NULL; END$$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.notes (
    id integer NOT NULL,
    title text,
    embedding public.vector(16),
    embedding_generated_at timestamp with time zone,
    embedding_model text,
    embedding_rule text,
    embedding_truncated integer,
    content_hash text,
    embedding_state text,
    embedding_content text,
    CONSTRAINT embedding_state_notes CHECK ((embedding_state = ANY (ARRAY['embedded'::text, 'empty'::text, 'failed'::text, 'ignored'::text, 'rewritten'::text])))
);
CREATE FUNCTION public.embedding_text_notes(item public.notes) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$DECLARE
    content text := '';
    part text;
BEGIN
    IF NOT (COALESCE(item."title"::text, '') ~ '\S') THEN
        RETURN '';
    END IF;
    content := content || COALESCE(item."title"::text, '');
    RETURN content;
END$$;
CREATE TABLE embedding.batches (
    id uuid NOT NULL,
    run_id uuid NOT NULL,
    kind text NOT NULL,
    partition text NOT NULL,
    claimed integer NOT NULL,
    embedded integer DEFAULT 0 NOT NULL,
    unchanged integer DEFAULT 0 NOT NULL,
    empty integer DEFAULT 0 NOT NULL,
    changed integer DEFAULT 0 NOT NULL,
    failed integer DEFAULT 0 NOT NULL,
    cached integer DEFAULT 0 NOT NULL,
    requests integer DEFAULT 0 NOT NULL,
    tokens bigint DEFAULT 0 NOT NULL,
    saved_tokens bigint DEFAULT 0 NOT NULL,
    finished_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE UNLOGGED TABLE embedding.cache (
    key bytea NOT NULL,
    entry bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
CREATE TABLE embedding.cache_key (
    is_only boolean DEFAULT true NOT NULL,
    key bytea NOT NULL,
    CONSTRAINT cache_key_is_only_check CHECK (is_only)
);
CREATE TABLE embedding.claims (
    corpus text NOT NULL,
    kind text NOT NULL,
    item_id text NOT NULL,
    partition text NOT NULL,
    token uuid,
    leased_until timestamp with time zone,
    attempts integer DEFAULT 1 NOT NULL,
    retry_at timestamp with time zone,
    is_dead boolean DEFAULT false NOT NULL,
    reason text,
    failed_at timestamp with time zone,
    content_hash text,
    version bytea,
    CONSTRAINT claims_check CHECK (((token IS NULL) = (leased_until IS NULL)))
);
CREATE TABLE embedding.declarations (
    corpus text NOT NULL,
    declaration text NOT NULL,
    model text NOT NULL,
    migrated_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE VIEW embedding.failures AS
 SELECT corpus,
    kind,
    item_id,
    partition,
    attempts,
    is_dead,
    reason,
    failed_at,
    retry_at
   FROM embedding.claims
  WHERE (reason IS NOT NULL);
CREATE UNLOGGED TABLE embedding.flights (
    key bytea NOT NULL,
    token uuid NOT NULL
);
CREATE TABLE embedding.installation (
    is_only boolean DEFAULT true NOT NULL,
    version integer NOT NULL,
    compatible_with integer NOT NULL,
    application_schema text DEFAULT "current_schema"() NOT NULL,
    CONSTRAINT installation_check CHECK ((compatible_with <= version)),
    CONSTRAINT installation_is_only_check CHECK (is_only)
);
CREATE TABLE embedding.jobs (
    id uuid NOT NULL,
    corpus text NOT NULL,
    partition text,
    repository_id uuid GENERATED ALWAYS AS (
CASE
    WHEN (partition ~ '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$'::text) THEN (partition)::uuid
    ELSE NULL::uuid
END) STORED,
    kinds text[] NOT NULL,
    item_limit integer,
    force_before timestamp with time zone,
    selection jsonb,
    host text DEFAULT 'command'::text NOT NULL,
    event_id text,
    due_at timestamp with time zone,
    status text DEFAULT 'pending'::text NOT NULL,
    items_total integer DEFAULT 0 NOT NULL,
    items_processed integer DEFAULT 0 NOT NULL,
    items_failed integer DEFAULT 0 NOT NULL,
    error_message text,
    starts_at timestamp with time zone,
    started_at timestamp with time zone,
    completed_at timestamp with time zone,
    cancel_requested_at timestamp with time zone,
    leased_until timestamp with time zone DEFAULT (now() + '00:01:00'::interval) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT jobs_check CHECK (((completed_at IS NOT NULL) = (status = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text])))),
    CONSTRAINT jobs_host_check CHECK ((host = ANY (ARRAY['command'::text, 'server'::text, 'functions'::text]))),
    CONSTRAINT jobs_item_limit_check CHECK ((item_limit > 0)),
    CONSTRAINT jobs_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'processing'::text, 'completed'::text, 'failed'::text, 'cancelled'::text])))
);
CREATE UNLOGGED TABLE embedding.limiters (
    provider text NOT NULL,
    state jsonb NOT NULL
);
CREATE TABLE embedding.migrations (
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE embedding.objects (
    kind text NOT NULL,
    schema_name text NOT NULL,
    table_name text NOT NULL,
    object_name text NOT NULL,
    corpus text NOT NULL,
    is_made boolean NOT NULL,
    fingerprint text NOT NULL,
    definition text,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE embedding.queue_targets (
    table_name text NOT NULL,
    embedding_column text NOT NULL,
    corpus text NOT NULL,
    kind text NOT NULL,
    key_type text NOT NULL,
    template text NOT NULL
);
CREATE TABLE embedding.rules (
    corpus text NOT NULL,
    kind text NOT NULL,
    rule text NOT NULL,
    model text NOT NULL,
    migrated_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE embedding.run_events (
    event_id text NOT NULL,
    run_id uuid NOT NULL,
    corpus text NOT NULL,
    partition text,
    kinds text[] NOT NULL,
    item_limit integer,
    is_forced boolean NOT NULL
);
CREATE TABLE embedding.start_slots (
    corpus text NOT NULL,
    arrival timestamp with time zone NOT NULL
);
CREATE TABLE public.embedding_queue (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    table_name text NOT NULL,
    record_id text NOT NULL,
    content text NOT NULL,
    embedding_column text NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    error_message text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    processed_at timestamp with time zone,
    user_id uuid,
    attempts integer DEFAULT 0 NOT NULL,
    taken_at timestamp with time zone,
    CONSTRAINT embedding_queue_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'processing'::text, 'completed'::text, 'failed'::text])))
);
INSERT INTO embedding.batches VALUES ('01a22328-c08d-75a7-9c4d-fa1b1bf1f172', '01a22328-bf11-72cd-a52f-b5487361da2f', 'note', '', 5, 3, 0, 1, 0, 1, 0, 5, 5, 0, '2026-11-28 17:16:44.58572+00');
INSERT INTO embedding.batches VALUES ('01a22328-c77c-710e-9a88-0019eae137d8', '01a22328-c714-7814-aa18-af1de6a36c4b', 'note', '', 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, '2026-11-28 17:16:44.860701+00');
INSERT INTO embedding.batches VALUES ('01a22328-c86c-7247-94a1-e136a6e57e3b', '01a22328-c7fc-7449-9ca8-484eb10d1ad1', 'note', '', 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, '2026-11-28 17:16:45.067246+00');
INSERT INTO embedding.batches VALUES ('01a22328-c952-7cbc-971c-70be5f2e8aba', '01a22328-c93a-76c6-b8d4-9ede86cdddd3', 'note', '', 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, '2026-11-28 17:16:45.276609+00');
INSERT INTO embedding.cache VALUES ('\x0e7eda8c39b0ce726dd5f0b0cdb5d21063e9dd9d2e7602b9dee49628744e7139', '\x0236c62823a2010000ca0014bc8f65893d131af33d2a38053d28f6e0beaa8644be635b14bec177733e99f6dbbe29ed823eb5ef90be7e01d4bee3ac303ee104053e07258dbd674db13e54e3b1b0f7cb0294f0b30fe2de404702', '2026-12-28 17:16:44.475286+00');
INSERT INTO embedding.cache VALUES ('\x31de2ab5996a65f1ce397404264d5d2866e1a72daadbcdaad9810180b82fd542', '\x0235c62823a20100008ca8babe2f7dd33ebc55983dcceababc0905943d024aa73e5321513d56098bbd99eec93e7b7dc03e7113b6be70839e3e7830223ca1ed2d3ef852153e58bc2dbd09c25dfab04571cd42691e85eaed5446', '2026-12-28 17:16:44.475286+00');
INSERT INTO embedding.cache_key VALUES (true, '\x834d2ac3e3e71376e205ad220bd698bea8e08eb9af917adbd770f5fd483fa925');
INSERT INTO embedding.claims VALUES ('notes', 'note', '4', '', NULL, NULL, 3, NULL, true, 'the provider answered 400: ''$.input'' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.', '2026-11-28 17:16:45.067246+00', 'd81e9df35090aa892fa1bad376104fae43c6041eada065b36f1b3df955ae3895', '\x64c97ae32cff2770adce0b4643760e45d83717373aedc2420dbf044bef8d67ef');
INSERT INTO embedding.claims VALUES ('notes', 'note', '6', '', NULL, NULL, 1, '2026-11-28 18:06:45.29296+00', false, 'the provider answered 400: ''$.input'' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.', '2026-11-28 17:16:45.276609+00', '434398975146570d2301aff1a0ac785ecb25f735724d0e011573ea648142d3b4', '\xaf986169763ae444a4c6b7bc020eeef93183403e9fe628447e8526793823dcf0');
INSERT INTO embedding.claims VALUES ('notes', 'note', '7', '', '01a22328-c976-70a7-a90a-78db0cfd27a8', '2026-11-28 17:16:55.323206+00', 1, NULL, false, NULL, NULL, NULL, '\xd48c998b098ab0bb1febf74317a25ee2c84a75ab3870dc6edf588a7c450ec2f3');
INSERT INTO embedding.declarations VALUES ('notes', '72050cbe316b6ee7', 'text-embedding-3-small', '2026-11-28 17:16:42.538538+00');
INSERT INTO embedding.flights VALUES ('\x0e7eda8c39b0ce726dd5f0b0cdb5d21063e9dd9d2e7602b9dee49628744e7139', '01a22328-c09e-7af3-b521-a372bc0cc014');
INSERT INTO embedding.flights VALUES ('\x31de2ab5996a65f1ce397404264d5d2866e1a72daadbcdaad9810180b82fd542', '01a22328-c09e-7af3-b521-a372bc0cc014');
INSERT INTO embedding.flights VALUES ('\xed246ca30807912e64c8b4f30502bad6b6c584a2fc5e03c5c0a842f7a18ba048', '01a22328-c09e-7af3-b521-a372bc0cc014');
INSERT INTO embedding.flights VALUES ('\x32ec40999a3d63f97456b39e7b0a1ff55d8b41e934d996085524e2a1c20e305a', '01a22328-c86d-76c1-90f8-294ac52cb189');
INSERT INTO embedding.flights VALUES ('\x0f5c37b9f1a8868be370dbde8a0b42ceccbe2e2d92b04586085256af8fe9953d', '01a22328-c953-7eb6-b717-80be1fb0d041');
INSERT INTO embedding.installation VALUES (true, 1, 1, 'public');
INSERT INTO embedding.jobs VALUES ('01a22328-bf11-72cd-a52f-b5487361da2f', 'notes', NULL, DEFAULT, '{}', NULL, NULL, NULL, 'command', NULL, NULL, 'completed', 5, 4, 1, NULL, '2026-11-28 17:16:42.797519+00', '2026-11-28 17:16:42.830441+00', '2026-11-28 17:16:44.68422+00', NULL, '2026-11-28 17:17:44.621648+00', '2026-11-28 17:16:42.794368+00', '2026-11-28 17:16:44.68422+00');
INSERT INTO embedding.jobs VALUES ('01a22328-c714-7814-aa18-af1de6a36c4b', 'notes', NULL, DEFAULT, '{}', NULL, NULL, NULL, 'command', NULL, NULL, 'failed', 1, 0, 1, 'Nothing was embedded; 1 items failed, the last because the provider answered 400: ''$.input'' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.', '2026-11-28 17:16:44.714075+00', '2026-11-28 17:16:44.716805+00', '2026-11-28 17:16:44.917937+00', NULL, '2026-11-28 17:17:44.877168+00', '2026-11-28 17:16:44.713052+00', '2026-11-28 17:16:44.917937+00');
INSERT INTO embedding.jobs VALUES ('01a22328-c7fc-7449-9ca8-484eb10d1ad1', 'notes', NULL, DEFAULT, '{}', NULL, NULL, NULL, 'command', NULL, NULL, 'failed', 1, 0, 1, 'Nothing was embedded; 1 items failed, the last because the provider answered 400: ''$.input'' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.', '2026-11-28 17:16:44.972468+00', '2026-11-28 17:16:44.974969+00', '2026-11-28 17:16:45.192115+00', NULL, '2026-11-28 17:17:45.075012+00', '2026-11-28 17:16:44.962391+00', '2026-11-28 17:16:45.192115+00');
INSERT INTO embedding.jobs VALUES ('01a22328-c93a-76c6-b8d4-9ede86cdddd3', 'notes', NULL, DEFAULT, '{}', NULL, NULL, NULL, 'command', NULL, NULL, 'failed', 1, 0, 1, 'Nothing was embedded; 1 items failed, the last because the provider answered 400: ''$.input'' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.', '2026-11-28 17:16:45.255769+00', '2026-11-28 17:16:45.25805+00', '2026-11-28 17:16:45.291849+00', NULL, '2026-11-28 17:17:45.284719+00', '2026-11-28 17:16:45.254748+00', '2026-11-28 17:16:45.291849+00');
INSERT INTO embedding.jobs VALUES ('01a22328-c96d-7614-9df5-a3cc17bd7150', 'notes', NULL, DEFAULT, '{}', NULL, NULL, NULL, 'server', NULL, NULL, 'cancelled', 0, 0, 0, 'It was cancelled.', NULL, NULL, '2026-11-28 17:16:45.298041+00', '2026-11-28 17:16:45.296791+00', '2026-11-28 17:17:45.294114+00', '2026-11-28 17:16:45.294114+00', '2026-11-28 17:16:45.298041+00');
INSERT INTO embedding.jobs VALUES ('01a22328-c96d-7534-9720-37ade1d808c6', 'notes', NULL, DEFAULT, '{}', NULL, NULL, NULL, 'server', NULL, NULL, 'processing', 0, 0, 0, NULL, NULL, '2026-11-28 17:16:45.301674+00', NULL, NULL, '2026-11-28 17:17:45.300096+00', '2026-11-28 17:16:45.300096+00', '2026-11-28 17:16:45.301674+00');
INSERT INTO embedding.jobs VALUES ('01a22328-c97c-7138-88a5-8ec13e51df45', 'notes', NULL, DEFAULT, '{}', 1000, NULL, NULL, 'server', 'event-1', NULL, 'pending', 0, 0, 0, NULL, NULL, NULL, NULL, NULL, '2026-11-28 17:17:45.312903+00', '2026-11-28 17:16:45.312903+00', '2026-11-28 17:16:45.312903+00');
INSERT INTO embedding.limiters VALUES ('127.0.0.1:35679 text-embedding-3-small', '{"pause": null, "bucket": {"nextTokens": "2026-11-28T17:16:45.2717293+00:00", "nextRequest": "2026-11-28T17:16:45.2717906+00:00", "lastReserved": "2026-11-28T17:16:45.2717291+00:00", "nextInteractive": "0001-01-01T00:00:00+00:00"}, "circuits": {"1b30b2f5b0660218": {"faults": 0, "probeAt": "2026-11-28T17:21:43.223774+00:00", "openReason": null, "closedUntil": "2026-11-28T17:21:44.2716212+00:00", "probingUntil": "0001-01-01T00:00:00+00:00"}}, "reported": null, "hasAnswered": true}');
INSERT INTO embedding.migrations VALUES ('versioned/001_create_engine.sql', 'ba0508b1123be6f7248fe17fe041e629098ee04a8ad5c1651829dc5bb60c183d', '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.migrations VALUES ('repeatable/failures.sql', '108e4fe2d7465359d4052e3f8849a0cece637c7e69ca55ce649b0272a0a2eaa1', '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.migrations VALUES ('repeatable/receive_queue_row.sql', '0a6f89af67dc9f2c892d903ab5492de89a3ad2bde39a3013af45383de8d9759d', '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.objects VALUES ('Schema', 'embedding', '', 'embedding', '', true, '', NULL, '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.objects VALUES ('Table', 'embedding', '', 'batches', '', true, '', NULL, '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.objects VALUES ('Table', 'embedding', '', 'cache', '', true, '', NULL, '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.objects VALUES ('Table', 'embedding', '', 'cache_key', '', true, '', NULL, '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.objects VALUES ('Table', 'embedding', '', 'claims', '', true, '', NULL, '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.objects VALUES ('Table', 'embedding', '', 'declarations', '', true, '', NULL, '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.objects VALUES ('View', 'embedding', '', 'failures', '', true, '', NULL, '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.objects VALUES ('Table', 'embedding', '', 'flights', '', true, '', NULL, '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.objects VALUES ('Table', 'embedding', '', 'installation', '', true, '', NULL, '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.objects VALUES ('Table', 'embedding', '', 'jobs', '', true, '', NULL, '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.objects VALUES ('Table', 'embedding', '', 'limiters', '', true, '', NULL, '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.objects VALUES ('Table', 'embedding', '', 'migrations', '', true, '', NULL, '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.objects VALUES ('Table', 'embedding', '', 'objects', '', true, '', NULL, '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.objects VALUES ('Table', 'embedding', '', 'queue_targets', '', true, '', NULL, '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.objects VALUES ('Table', 'embedding', '', 'rules', '', true, '', NULL, '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.objects VALUES ('Table', 'embedding', '', 'run_events', '', true, '', NULL, '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.objects VALUES ('Table', 'embedding', '', 'start_slots', '', true, '', NULL, '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.objects VALUES ('Function', 'embedding', '', 'embedding.receive_queue_row()', '', true, '', NULL, '2026-11-28 17:16:41.721474+00');
INSERT INTO embedding.objects VALUES ('Table', 'public', '', 'embedding_queue', '', true, 'd681d1bae72d87a681272cc7456b059c5693a9591c449b91e18308a32daf9599', 'r false', '2026-11-28 17:16:42.083442+00');
INSERT INTO embedding.objects VALUES ('Column', 'public', 'notes', 'embedding', 'notes', true, '9ff33471d141f8eecb08646cdde5cd88112b9e6a6554e6631a20d472489e94c9', 'public.vector(16)', '2026-11-28 17:16:42.159779+00');
INSERT INTO embedding.objects VALUES ('Column', 'public', 'notes', 'embedding_generated_at', 'notes', true, 'ebb2fef76f5f7987aa4b9a41bdcc9e10f7a4cc191b2ed67587b1cb9790cba3ff', 'timestamp with time zone', '2026-11-28 17:16:42.159779+00');
INSERT INTO embedding.objects VALUES ('Column', 'public', 'notes', 'embedding_model', 'notes', true, 'fd77299254b98179b68b1a82ac8a01dc7798effa548e83486cf18ede82c61e6a', 'text', '2026-11-28 17:16:42.159779+00');
INSERT INTO embedding.objects VALUES ('Column', 'public', 'notes', 'embedding_rule', 'notes', true, '5e2ef09f2918f92653629d77fad20cba78932d8f112f7ec131a85addfc7b9ffb', 'text', '2026-11-28 17:16:42.159779+00');
INSERT INTO embedding.objects VALUES ('Column', 'public', 'notes', 'embedding_truncated', 'notes', true, 'd263eda81c20caab15ad84ccc92022169be0217e8bfb816111473744f0c2331d', 'integer', '2026-11-28 17:16:42.159779+00');
INSERT INTO embedding.objects VALUES ('Column', 'public', 'notes', 'content_hash', 'notes', true, '8be8d88fc4f81c9728074ab93147a78f4f30273a92bd1fa560b6f3b5bc6b76e2', 'text', '2026-11-28 17:16:42.159779+00');
INSERT INTO embedding.objects VALUES ('Column', 'public', 'notes', 'embedding_state', 'notes', true, 'f1ac7a298f35df77faa2bacb682b9eaced935cea6b655be9ef61d32e1e2f3ffb', 'text', '2026-11-28 17:16:42.159779+00');
INSERT INTO embedding.objects VALUES ('Column', 'public', 'notes', 'embedding_content', 'notes', true, 'ff017662fe4b3476e0aed4bfc92e611674213a385ea1efc402193afa1fd4e44a', 'text', '2026-11-28 17:16:42.159779+00');
INSERT INTO embedding.objects VALUES ('Column', 'public', 'embedding_queue', 'user_id', '', true, '1075e2fae8033ac31d5f6b81f7580a4fca0f6667f4f8994a3b2686c4f5b89daf', 'uuid', '2026-11-28 17:16:42.276198+00');
INSERT INTO embedding.objects VALUES ('Column', 'public', 'embedding_queue', 'attempts', '', true, '1ff0ebe3d218330440a708e66aa228e2d4402b548fdcb064af2c4572fd3fee3b', 'integer', '2026-11-28 17:16:42.276198+00');
INSERT INTO embedding.objects VALUES ('Column', 'public', 'embedding_queue', 'taken_at', '', true, 'd84062906510b5aca5e511190cc45a625033b1e7dcdba29512a465fe202c024a', 'timestamp with time zone', '2026-11-28 17:16:42.276198+00');
INSERT INTO embedding.objects VALUES ('Index', 'public', 'embedding_queue', 'embedding_queue_table_name_record_id_embedding_column_key', '', true, 'ca56f18fd4db7f03e0fded00b7ccafd17f6536cf4a9bce6d2f3fcbe74c38769f', 'btree table_name', '2026-11-28 17:16:42.383213+00');
INSERT INTO embedding.objects VALUES ('Constraint', 'public', 'notes', 'embedding_state_notes', 'notes', true, 'f46c9d57b2284640107ce62a43d414c259fb5d7a1197d2f9b9dce60598ba2030', 'CHECK ((embedding_state = ANY (ARRAY[''embedded''::text, ''empty''::text, ''failed''::text, ''ignored''::text, ''rewritten''::text])))', '2026-11-28 17:16:42.300082+00');
INSERT INTO embedding.objects VALUES ('Function', 'public', '', '"public"."embedding_note_edit_notes"()', 'notes', true, '306582ee3c363c8a018584f83ad15692c09e886b1fc570b2811ba3576cb77b9f', 'f {"search_path=pg_catalog, pg_temp"} t a459a78008021e2fa0a64a84e222883a', '2026-11-28 17:16:42.319222+00');
INSERT INTO embedding.objects VALUES ('Trigger', 'public', 'notes', 'zzz_embedding_note_edit_notes', 'notes', true, '1f2f6f5859d3d304aafa593e4fc37e0224a9ffc3887bbe706b55a3c9513b376d', 'A CREATE TRIGGER zzz_embedding_note_edit_notes BEFORE INSERT OR UPDATE ON public.notes FOR EACH ROW EXECUTE FUNCTION public.embedding_note_edit_notes()', '2026-11-28 17:16:42.325158+00');
INSERT INTO embedding.objects VALUES ('Function', 'public', '', '"public"."embedding_queue_watch_notes"()', 'notes', true, 'd1e04bb1120260c78d3d1a375ac434092d0681c600302e6f74e2f831f3580056', 't {"search_path=pg_catalog, pg_temp"} f 9156f77c814807bbb7d0421c1ae2c95c', '2026-11-28 17:16:42.457521+00');
INSERT INTO embedding.objects VALUES ('Index', 'public', 'embedding_queue', 'embedding_queue_status_created_at', '', true, 'f6616fdea547c666957ec53f50cca429a7698d8f07e824571a0841927b8738af', 'btree status', '2026-11-28 17:16:42.408117+00');
INSERT INTO embedding.objects VALUES ('Index', 'public', 'embedding_queue', 'embedding_queue_asked', '', true, 'c4109363778053b7b34350f5d982de126344ba1e54d1f097029a5eeb74494dfc', 'btree table_name', '2026-11-28 17:16:42.428993+00');
INSERT INTO embedding.objects VALUES ('Trigger', 'public', 'embedding_queue', 'embedding_queue_receive', '', true, 'd6d1ac70c17c806c2026c0ca094befcdea020499ddf01f5eb09c17523278cb25', 'O CREATE TRIGGER embedding_queue_receive BEFORE INSERT OR UPDATE ON public.embedding_queue FOR EACH ROW EXECUTE FUNCTION embedding.receive_queue_row()', '2026-11-28 17:16:42.433689+00');
INSERT INTO embedding.objects VALUES ('Function', 'public', '', '"public"."embedding_text_notes"("public"."notes")', 'notes', true, '487d187b514737d176189578f8079559faa56ec17922fc1fcdf328925df8cb7d', 'f {"search_path=pg_catalog, pg_temp"} t 841661be7492e4c9d8f65899cdf3e9a5', '2026-11-28 17:16:42.438536+00');
INSERT INTO embedding.objects VALUES ('Function', 'public', '', '"public"."embedding_queue_settle_notes"(text[])', 'notes', true, '63f4b65ed6e9a3c2be22a5ac5e3e78d9fb6fefdd45e9d802f4ac9c746bc777be', 't {"search_path=pg_catalog, pg_temp",lock_timeout=250ms,enable_nestloop=on,enable_seqscan=off} f 5716de896898f449b935bece935d2536', '2026-11-28 17:16:42.443727+00');
INSERT INTO embedding.objects VALUES ('Trigger', 'embedding', 'claims', 'embedding_queue_watch_notes_c5571c01', 'notes', true, 'a79eccd967542e20b25ff9ca1bea0ed246f53505b5dd218c5d92a242aa023a4d', 'O CREATE TRIGGER embedding_queue_watch_notes_c5571c01 AFTER INSERT OR UPDATE OF token, reason, is_dead ON embedding.claims FOR EACH ROW WHEN (((new.corpus = ''notes''::text) AND (new.kind = ''note''::text))) EXECUTE FUNCTION public.embedding_queue_watch_notes()', '2026-11-28 17:16:42.46826+00');
INSERT INTO embedding.objects VALUES ('Trigger', 'embedding', 'claims', 'embedding_queue_unwatch_notes_c5571c01', 'notes', true, '959e97c416c54cf5c98533bc5bcb259d4003aa78a508ca7fe76d7b5068196ab4', 'O CREATE TRIGGER embedding_queue_unwatch_notes_c5571c01 AFTER DELETE ON embedding.claims FOR EACH ROW WHEN (((old.corpus = ''notes''::text) AND (old.kind = ''note''::text))) EXECUTE FUNCTION public.embedding_queue_watch_notes()', '2026-11-28 17:16:42.473405+00');
INSERT INTO embedding.objects VALUES ('Function', 'public', '', '"public"."embedding_queue_content_notes"()', 'notes', true, 'aa9fdd2f1a15b8d94a422a6a2dabcf03fe04c5e75408191ae84137b85465ba7a', 't {"search_path=pg_catalog, pg_temp"} f 4e4a0238abc9a22abe47f4627a86804c', '2026-11-28 17:16:42.479596+00');
INSERT INTO embedding.objects VALUES ('Trigger', 'public', 'notes', 'zzy_embedding_content_notes', 'notes', true, '25c26bea5e6359ba9db22175e3367ba5ba81aa7119c650e5635a95ac5d877ee9', 'O CREATE TRIGGER zzy_embedding_content_notes BEFORE INSERT OR UPDATE ON public.notes FOR EACH ROW EXECUTE FUNCTION public.embedding_queue_content_notes()', '2026-11-28 17:16:42.485194+00');
INSERT INTO embedding.objects VALUES ('Function', 'public', '', '"public"."embedding_queue_take_notes"(text[], text)', 'notes', true, '90bbf3f6b0b3343d8cf79660d2710243faf6fa16d39e847fd19e2eee82507283', 't {"search_path=pg_catalog, pg_temp",plan_cache_mode=force_generic_plan,enable_nestloop=on,enable_seqscan=off} f 812f3159a9be7c88c4757360a1788d95', '2026-11-28 17:16:42.490234+00');
INSERT INTO embedding.objects VALUES ('Function', 'public', '', '"public"."embedding_queue_enqueue_notes"()', 'notes', true, '5146eb8d70f7b73f6ebf4fce2b0bf4ba12625dc5a3f585d982a8a851645f7a21', 't {"search_path=pg_catalog, pg_temp",enable_nestloop=off,enable_hashjoin=on} f 19316b94253c1110413863c03add4cf0', '2026-11-28 17:16:42.496373+00');
INSERT INTO embedding.objects VALUES ('Trigger', 'public', 'notes', 'embedding_queue_notes', 'notes', true, '54d61060b63c32b87be38e2273f730614405e42da07431f526456d6212445b7d', 'O CREATE TRIGGER embedding_queue_notes AFTER INSERT ON public.notes REFERENCING NEW TABLE AS embedding_new FOR EACH STATEMENT EXECUTE FUNCTION public.embedding_queue_enqueue_notes()', '2026-11-28 17:16:42.501783+00');
INSERT INTO embedding.objects VALUES ('Trigger', 'public', 'notes', 'embedding_requeue_notes', 'notes', true, '2f2ba78915ed382bfcc0208815cb786f34dcf1e43558cbaac76731695fff6faf', 'O CREATE TRIGGER embedding_requeue_notes AFTER UPDATE ON public.notes REFERENCING OLD TABLE AS embedding_old NEW TABLE AS embedding_new FOR EACH STATEMENT EXECUTE FUNCTION public.embedding_queue_enqueue_notes()', '2026-11-28 17:16:42.507562+00');
INSERT INTO embedding.objects VALUES ('Trigger', 'public', 'notes', 'embedding_unqueue_notes', 'notes', true, '0d44d6a3b407730c3f87fb0c6a4b12eddea7a3485c22e3e8bcae48047222dd97', 'O CREATE TRIGGER embedding_unqueue_notes AFTER DELETE ON public.notes REFERENCING OLD TABLE AS embedding_old FOR EACH STATEMENT EXECUTE FUNCTION public.embedding_queue_enqueue_notes()', '2026-11-28 17:16:42.512549+00');
INSERT INTO embedding.objects VALUES ('Index', 'public', 'notes', 'embedding_pending_notes_432949c5', 'notes', true, '7d128b1a4d65d160b97c81b20b5a21db0f271fa9ad5bb7dc75289209ed39aa2a', 'btree id', '2026-11-28 17:16:42.548407+00');
INSERT INTO embedding.objects VALUES ('Index', 'public', 'notes', 'embedding_age_notes_2b8fd33a', 'notes', true, '9e1bcbb6a2cb00a49c06612145a242811febca8167f7b61a1515a3d99eb2ed25', 'btree COALESCE(embedding_generated_at, ''-infinity''::timestamp with time zone)', '2026-11-28 17:16:42.560238+00');
INSERT INTO embedding.objects VALUES ('Index', 'public', 'notes', 'embedding_other_model_notes_977a1519', 'notes', true, '827c96b1ffac52c7808f2566426499c108bb96cf79ab53dd816209169f62522b', 'btree id', '2026-11-28 17:16:42.575211+00');
INSERT INTO embedding.objects VALUES ('Index', 'public', 'notes', 'embedding_hnsw_notes', 'notes', true, 'ed633908132acf902fb1de3178db6f00aff41fbbc1baa6652425d68d56d6a563', 'hnsw embedding', '2026-11-28 17:16:42.58664+00');
INSERT INTO embedding.queue_targets VALUES ('notes', 'embedding', 'notes', 'note', 'integer', '{title}');
INSERT INTO embedding.rules VALUES ('notes', 'note', '7dbc21001c5e', 'text-embedding-3-small', '2026-11-28 17:16:42.538538+00');
INSERT INTO embedding.run_events VALUES ('event-2', '01a22328-c97c-7138-88a5-8ec13e51df45', 'notes', NULL, '{}', 1000, false);
INSERT INTO embedding.start_slots VALUES ('notes', '2026-11-28 17:16:42.797519+00');
INSERT INTO public.embedding_queue VALUES ('09a28e5b-bf0e-43d2-9278-0e492b0fd114', 'notes', '1', 'embedded', 'embedding', 'completed', NULL, '2026-11-28 17:16:42.534146+00', '2026-11-28 17:16:44.588396+00', NULL, 1, '2026-11-28 17:16:44.588396+00');
INSERT INTO public.embedding_queue VALUES ('b91efdbc-52a1-4a10-a59b-884954607ad3', 'notes', '4', 'poison, given up', 'embedding', 'failed', 'the provider answered 400: ''$.input'' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.', '2026-11-28 17:16:42.534146+00', '2026-11-28 17:16:45.069253+00', NULL, 3, '2026-11-28 17:16:45.069253+00');
INSERT INTO public.embedding_queue VALUES ('fc1dea5e-9156-4e86-a1aa-06c39e9ee19f', 'notes', '6', 'poison, waiting', 'embedding', 'pending', 'the provider answered 400: ''$.input'' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.', '2026-11-28 17:16:45.241284+00', NULL, NULL, 1, '2026-11-28 17:16:45.278293+00');
INSERT INTO public.embedding_queue VALUES ('61f76ecb-d759-44fe-9fdc-91cb45e692dd', 'notes', '7', 'held', 'embedding', 'processing', NULL, '2026-11-28 17:16:45.2989+00', NULL, NULL, 1, '2026-11-28 17:16:45.305074+00');
INSERT INTO public.embedding_queue VALUES ('5a66d33a-84aa-49d1-8360-7ed70e655354', 'notes', '8', 'pending', 'embedding', 'pending', NULL, '2026-11-28 17:16:45.323206+00', NULL, NULL, 0, '2026-11-28 17:16:45.323733+00');
INSERT INTO public.embedding_queue VALUES ('322033b2-8ec9-4fca-a813-ea714fa9f08e', 'notes', '2', 'after the edit', 'embedding', 'pending', NULL, '2026-11-28 17:16:42.534146+00', NULL, NULL, 0, '2026-11-28 17:16:45.324545+00');
INSERT INTO public.embedding_queue VALUES ('bbbd7568-e2dd-4e4b-a75c-0e80a5b7dfa8', 'notes', '99', 'no such row', 'embedding', 'pending', NULL, '2026-11-28 17:16:45.323206+00', NULL, NULL, 0, NULL);
INSERT INTO public.notes VALUES (3, NULL, NULL, '2026-11-28 17:16:44.587019+00', 'text-embedding-3-small', '7dbc21001c5e', NULL, '9b3699a1efcec89c70f4d5593c6be4b72521a9b2885d4109dec5c7c1eede3d34', 'empty', '');
INSERT INTO public.notes VALUES (1, 'embedded', '[-0.36456716,0.41306445,0.074382275,-0.022817038,0.07227523,0.3267365,0.05105717,-0.0678889,0.39439848,0.37595734,-0.35561708,0.30959654,0.009899251,0.1698518,0.14582431,-0.042415947]', '2026-11-28 17:16:44.58737+00', 'text-embedding-3-small', '7dbc21001c5e', NULL, '0a6632b9ab9f8ddb843cab9bfe648d3118a9e851097b4e72c65c93d80ae4deac', 'embedded', 'embedded');
INSERT INTO public.notes VALUES (4, 'poison, given up', NULL, '2026-11-28 17:16:45.068456+00', NULL, '7dbc21001c5e', NULL, 'd81e9df35090aa892fa1bad376104fae43c6041eada065b36f1b3df955ae3895', 'failed', 'poison, given up');
INSERT INTO public.notes VALUES (5, 'ignored', NULL, '2026-11-28 17:16:45.238281+00', NULL, '7dbc21001c5e', NULL, '45e2f8b9c370aa734a9b96bc070f16521e9cd118f64840476e2697fa4f63078a', 'ignored', 'ignored');
INSERT INTO public.notes VALUES (6, 'poison, waiting', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'poison, waiting');
INSERT INTO public.notes VALUES (7, 'held', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'held');
INSERT INTO public.notes VALUES (8, 'pending', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'pending');
INSERT INTO public.notes VALUES (2, 'after the edit', '[-0.009033391,0.06708824,0.11870208,0.032524265,-0.43937802,-0.19191995,-0.14487986,0.23776151,-0.42961577,0.25571564,-0.28307882,-0.41407388,0.17253451,0.12990142,-0.06891828,0.34629366]', '2026-11-28 17:16:44.587418+00', 'text-embedding-3-small', NULL, NULL, '5a09c4b2069f56812e3e49d6cabd63d527687ea3d0db592887ddbefaa4565a2c', 'embedded', 'after the edit');
ALTER TABLE ONLY embedding.batches
    ADD CONSTRAINT batches_pkey PRIMARY KEY (id);
ALTER TABLE ONLY embedding.cache_key
    ADD CONSTRAINT cache_key_pkey PRIMARY KEY (is_only);
ALTER TABLE ONLY embedding.cache
    ADD CONSTRAINT cache_pkey PRIMARY KEY (key);
ALTER TABLE ONLY embedding.claims
    ADD CONSTRAINT claims_pkey PRIMARY KEY (corpus, kind, item_id);
ALTER TABLE ONLY embedding.declarations
    ADD CONSTRAINT declarations_pkey PRIMARY KEY (corpus, declaration);
ALTER TABLE ONLY embedding.flights
    ADD CONSTRAINT flights_pkey PRIMARY KEY (key);
ALTER TABLE ONLY embedding.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (is_only);
ALTER TABLE ONLY embedding.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY embedding.limiters
    ADD CONSTRAINT limiters_pkey PRIMARY KEY (provider);
ALTER TABLE ONLY embedding.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (name);
ALTER TABLE ONLY embedding.objects
    ADD CONSTRAINT objects_pkey PRIMARY KEY (kind, schema_name, table_name, object_name);
ALTER TABLE ONLY embedding.queue_targets
    ADD CONSTRAINT queue_targets_pkey PRIMARY KEY (table_name, embedding_column);
ALTER TABLE ONLY embedding.rules
    ADD CONSTRAINT rules_pkey PRIMARY KEY (corpus, kind);
ALTER TABLE ONLY embedding.run_events
    ADD CONSTRAINT run_events_pkey PRIMARY KEY (event_id);
ALTER TABLE ONLY embedding.start_slots
    ADD CONSTRAINT start_slots_pkey PRIMARY KEY (corpus);
ALTER TABLE ONLY public.embedding_queue
    ADD CONSTRAINT embedding_queue_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.notes
    ADD CONSTRAINT notes_pkey PRIMARY KEY (id);
CREATE INDEX batches_of_run ON embedding.batches USING btree (run_id);
CREATE INDEX cache_oldest ON embedding.cache USING btree (expires_at);
CREATE INDEX claims_leased ON embedding.claims USING btree (corpus, partition, leased_until) WHERE (leased_until IS NOT NULL);
CREATE INDEX claims_of_batch ON embedding.claims USING btree (token) WHERE (token IS NOT NULL);
CREATE INDEX jobs_ended ON embedding.jobs USING btree (corpus, completed_at DESC) WHERE (completed_at IS NOT NULL);
CREATE INDEX jobs_newest ON embedding.jobs USING btree (created_at DESC);
CREATE UNIQUE INDEX jobs_of_event ON embedding.jobs USING btree (event_id) WHERE (event_id IS NOT NULL);
CREATE UNIQUE INDEX jobs_of_schedule ON embedding.jobs USING btree (corpus, due_at) WHERE (due_at IS NOT NULL);
CREATE INDEX jobs_open ON embedding.jobs USING btree (corpus) WHERE (status = ANY (ARRAY['pending'::text, 'processing'::text]));
CREATE INDEX objects_of_corpus ON embedding.objects USING btree (corpus);
CREATE INDEX run_events_of_run ON embedding.run_events USING btree (run_id);
CREATE INDEX embedding_age_notes_2b8fd33a ON public.notes USING btree (COALESCE(embedding_generated_at, '-infinity'::timestamp with time zone), id);
CREATE INDEX embedding_hnsw_notes ON public.notes USING hnsw (embedding public.vector_cosine_ops) WITH (m='16', ef_construction='64');
CREATE INDEX embedding_other_model_notes_977a1519 ON public.notes USING btree (id) WHERE ((embedding IS NOT NULL) AND (embedding_model <> 'text-embedding-3-small'::text));
CREATE INDEX embedding_pending_notes_432949c5 ON public.notes USING btree (id) WHERE ((embedding_rule IS DISTINCT FROM '7dbc21001c5e'::text) OR (content_hash IS NULL) OR (embedding_state IS NULL) OR (embedding_state = 'rewritten'::text) OR ((embedding_state = 'embedded'::text) AND (embedding IS NULL)));
CREATE INDEX embedding_queue_asked ON public.embedding_queue USING btree (table_name, embedding_column, created_at) WHERE ((status = 'pending'::text) AND (taken_at IS NULL));
CREATE INDEX embedding_queue_status_created_at ON public.embedding_queue USING btree (status, created_at);
CREATE UNIQUE INDEX embedding_queue_table_name_record_id_embedding_column_key ON public.embedding_queue USING btree (table_name, record_id, embedding_column);
CREATE TRIGGER embedding_queue_unwatch_notes_c5571c01 AFTER DELETE ON embedding.claims FOR EACH ROW WHEN (((old.corpus = 'notes'::text) AND (old.kind = 'note'::text))) EXECUTE FUNCTION public.embedding_queue_watch_notes();
CREATE TRIGGER embedding_queue_watch_notes_c5571c01 AFTER INSERT OR UPDATE OF token, reason, is_dead ON embedding.claims FOR EACH ROW WHEN (((new.corpus = 'notes'::text) AND (new.kind = 'note'::text))) EXECUTE FUNCTION public.embedding_queue_watch_notes();
CREATE TRIGGER embedding_queue_notes AFTER INSERT ON public.notes REFERENCING NEW TABLE AS embedding_new FOR EACH STATEMENT EXECUTE FUNCTION public.embedding_queue_enqueue_notes();
CREATE TRIGGER embedding_queue_receive BEFORE INSERT OR UPDATE ON public.embedding_queue FOR EACH ROW EXECUTE FUNCTION embedding.receive_queue_row();
CREATE TRIGGER embedding_requeue_notes AFTER UPDATE ON public.notes REFERENCING OLD TABLE AS embedding_old NEW TABLE AS embedding_new FOR EACH STATEMENT EXECUTE FUNCTION public.embedding_queue_enqueue_notes();
CREATE TRIGGER embedding_unqueue_notes AFTER DELETE ON public.notes REFERENCING OLD TABLE AS embedding_old FOR EACH STATEMENT EXECUTE FUNCTION public.embedding_queue_enqueue_notes();
CREATE TRIGGER zzy_embedding_content_notes BEFORE INSERT OR UPDATE ON public.notes FOR EACH ROW EXECUTE FUNCTION public.embedding_queue_content_notes();
CREATE TRIGGER zzz_embedding_note_edit_notes BEFORE INSERT OR UPDATE ON public.notes FOR EACH ROW EXECUTE FUNCTION public.embedding_note_edit_notes();
ALTER TABLE public.notes ENABLE ALWAYS TRIGGER zzz_embedding_note_edit_notes;
ALTER TABLE ONLY embedding.batches
    ADD CONSTRAINT batches_run_id_fkey FOREIGN KEY (run_id) REFERENCES embedding.jobs(id) ON DELETE CASCADE;
ALTER TABLE ONLY embedding.run_events
    ADD CONSTRAINT run_events_run_id_fkey FOREIGN KEY (run_id) REFERENCES embedding.jobs(id) ON DELETE CASCADE;
