CREATE TABLE IF NOT EXISTS workspaces (
    id        uuid    PRIMARY KEY DEFAULT gen_random_uuid(),
    name      text    NOT NULL UNIQUE,
    is_active boolean NOT NULL DEFAULT true
);

CREATE TABLE IF NOT EXISTS repositories (
    id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    full_name text NOT NULL UNIQUE
);

CREATE TABLE IF NOT EXISTS workspace_repositories (
    workspace_id  uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    repository_id uuid NOT NULL REFERENCES repositories ON DELETE CASCADE,
    PRIMARY KEY (workspace_id, repository_id)
);

-- Ids are text in all three, so that a query can lay the tables over one another.
CREATE TABLE IF NOT EXISTS issues (
    id            text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    repository_id uuid        NOT NULL REFERENCES repositories ON DELETE CASCADE,
    number        integer,
    title         text        NOT NULL,
    body          text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS pull_requests (
    id            text        PRIMARY KEY DEFAULT gen_random_uuid()::text,
    repository_id uuid        NOT NULL REFERENCES repositories ON DELETE CASCADE,
    number        integer,
    title         text        NOT NULL,
    body          text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS discussions (
    id            text        PRIMARY KEY,
    repository_id uuid        NOT NULL REFERENCES repositories ON DELETE CASCADE,
    number        integer,
    title         text        NOT NULL,
    body          text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
