CREATE TABLE IF NOT EXISTS clips (
    id               uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    title            text        NOT NULL,
    creator_name     text        NOT NULL,
    broadcaster_name text        NOT NULL,
    game_id          text,
    game_name        text,
    is_removed       boolean     NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL DEFAULT now()
);
