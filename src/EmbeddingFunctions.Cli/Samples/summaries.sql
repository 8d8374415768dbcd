CREATE TABLE IF NOT EXISTS summaries (
    id                uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id        uuid,
    user_id           uuid,
    title             text,
    tldr              text,
    key_decisions     text[],
    action_items      text[],
    generation_status text        NOT NULL DEFAULT 'completed',
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    deleted_at        timestamptz
);
