CREATE TABLE "public".embedding_queue (
    id               uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    table_name       text        NOT NULL,
    record_id        text        NOT NULL,
    content          text        NOT NULL,
    embedding_column text        NOT NULL,
    status           text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    error_message    text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    processed_at     timestamptz
);
ADD COLUMN user_id uuid;
ADD COLUMN attempts integer NOT NULL DEFAULT 0;
-- A pending row without it is a request that no run has taken yet.
ADD COLUMN taken_at timestamptz;
embedding_queue_table_name_record_id_embedding_column_key ON "public".embedding_queue (table_name, record_id, embedding_column);
embedding_queue_status_created_at ON "public".embedding_queue (status, created_at);
embedding_queue_asked ON "public".embedding_queue (table_name, embedding_column, created_at) WHERE status = 'pending' AND taken_at IS NULL;
-- The columns that rows of the queue may name.
CREATE TABLE "public".embedding_queue_targets (
    table_name       text NOT NULL,
    embedding_column text NOT NULL,
    corpus           text NOT NULL,
    kind             text NOT NULL,
    key_type         text NOT NULL,
    template         text NOT NULL,
    PRIMARY KEY (table_name, embedding_column)
);
-- What the engine writes comes with another taken_at; all else is a request, which is refused at once if it cannot be granted.
CREATE OR REPLACE FUNCTION "public".embedding_queue_receive() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted_type text;
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
    SELECT key_type INTO wanted_type FROM "public".embedding_queue_targets WHERE table_name = NEW.table_name::text
            AND embedding_column = NEW.embedding_column::text;
    IF NOT FOUND THEN
        NEW.status := 'failed';
        NEW.processed_at := clock_timestamp();
        NEW.error_message := 'no declared corpus embeds ' || NEW.table_name || '.' || NEW.embedding_column || ': nothing is written there';
        RETURN NEW;
    END IF;
    -- One way to write an id, so that a row is not queued twice.
    IF wanted_type = 'uuid' AND NEW.record_id::text ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
        NEW.record_id := lower(NEW.record_id::text);
    ELSIF wanted_type IN ('bigint', 'integer') AND NEW.record_id::text ~ '^-?[0-9]{1,19}$' THEN
        NEW.record_id := NEW.record_id::text::numeric::text;
    END IF;
    NEW.taken_at := NULL;
    NEW.error_message := NULL;
    NEW.processed_at := NULL;
    NEW.attempts := 0;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION "public".embedding_queue_receive() FROM PUBLIC;
CREATE OR REPLACE TRIGGER embedding_queue_receive BEFORE INSERT
        OR UPDATE ON "public".embedding_queue FOR EACH ROW EXECUTE FUNCTION "public".embedding_queue_receive()
