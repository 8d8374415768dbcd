-- Requests to embed an item. Variables: schema.
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
ADD COLUMN taken_at timestamptz;
embedding_queue_table_name_record_id_embedding_column_key ON "public".embedding_queue (table_name, record_id, embedding_column);
embedding_queue_status_created_at ON "public".embedding_queue (status, created_at);
embedding_queue_asked ON "public".embedding_queue (table_name, embedding_column, created_at) WHERE status = 'pending' AND taken_at IS NULL;
CREATE OR REPLACE TRIGGER embedding_queue_receive BEFORE INSERT OR UPDATE ON "public".embedding_queue
    FOR EACH ROW EXECUTE FUNCTION embedding.receive_queue_row()
