-- What a corpus's tables were migrated to: another declaration, or another version of the program, asks for a migration.
ALTER TABLE embedding_rules ADD COLUMN shape text NOT NULL DEFAULT '';
