-- Each paragraph is run by itself: locks on several tables, held together, would wait for writers that hold them in another order.
CREATE TABLE IF NOT EXISTS embedding_queue (
    id               uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    table_name       text        NOT NULL,
    record_id        text        NOT NULL,
    content          text        NOT NULL,
    embedding_column text        NOT NULL,
    user_id          uuid,
    status           text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    error_message    text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    processed_at     timestamptz
)

-- A pending row that was not taken is somebody's wish: it stands until a run takes it, whatever happens meanwhile.
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_attribute WHERE attrelid = 'embedding_queue'::regclass AND attname IN ('user_id', 'attempts', 'taken_at') AND NOT attisdropped) < 3 THEN
        ALTER TABLE embedding_queue ADD COLUMN IF NOT EXISTS user_id uuid, ADD COLUMN IF NOT EXISTS attempts integer NOT NULL DEFAULT 0, ADD COLUMN IF NOT EXISTS taken_at timestamptz;
    END IF;
END
$$

CREATE UNIQUE INDEX IF NOT EXISTS embedding_queue_table_name_record_id_embedding_column_key ON embedding_queue (table_name, record_id, embedding_column)

CREATE INDEX IF NOT EXISTS embedding_queue_status_created_at ON embedding_queue (status, created_at)

CREATE INDEX IF NOT EXISTS embedding_queue_asked ON embedding_queue (table_name, embedding_column, created_at) WHERE status = 'pending' AND taken_at IS NULL

-- The columns that rows of the queue may name.
CREATE TABLE IF NOT EXISTS embedding_queue_targets (
    table_name       text NOT NULL,
    embedding_column text NOT NULL,
    corpus           text NOT NULL,
    kind             text NOT NULL,
    key_type         text NOT NULL,
    template         text NOT NULL,
    PRIMARY KEY (table_name, embedding_column)
)

-- What the engine writes comes with another taken_at; all else is somebody's wish, and is told at once if it cannot be granted.
CREATE OR REPLACE FUNCTION embedding_queue_receive() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    wanted_type text;
BEGIN
    IF NEW.taken_at IS DISTINCT FROM OLD.taken_at THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.content IS DISTINCT FROM OLD.content THEN
        NEW.status := 'pending';
    END IF;
    IF NEW.status <> 'pending' THEN
        RETURN NEW;
    END IF;
    SELECT key_type INTO wanted_type FROM embedding_queue_targets WHERE table_name = NEW.table_name AND embedding_column = NEW.embedding_column;
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
$$

CREATE OR REPLACE TRIGGER embedding_queue_receive BEFORE INSERT OR UPDATE ON embedding_queue FOR EACH ROW EXECUTE FUNCTION embedding_queue_receive()
