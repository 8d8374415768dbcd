-- A generation whose removal was begun: no flip makes it live, no host embeds it, and a removal that was stopped goes on.
ALTER TABLE embedding.generations ADD COLUMN removed_at timestamptz, ADD CHECK (NOT is_live OR removed_at IS NULL);
