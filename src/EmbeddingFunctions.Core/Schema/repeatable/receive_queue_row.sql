-- Judges a row that is written to a queue. What the engine writes comes with another taken_at; everything else is a request, which is
-- refused at once where it cannot be granted.
CREATE OR REPLACE FUNCTION embedding.receive_queue_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
$$;
REVOKE EXECUTE ON FUNCTION embedding.receive_queue_row() FROM PUBLIC;
