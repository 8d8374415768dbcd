-- What a role may do that only searches, by the functions of the schema embedding or by a process that only searches. Run it in the
-- application's database after every migration:
--
--   psql -v ON_ERROR_STOP=1 -v role=NAME -f infra/grants-search.sql
--
-- The tables are those of the corpus 'workspace'; with a CORPORA_FILE of your own, name yours here. Row security on them holds for
-- searches too.

BEGIN;

GRANT USAGE ON SCHEMA public, embedding TO :"role";

-- What is searched, with the vectors; with "store": "table" name each embedding.vectors_CORPUS_KIND and embedding.changes_... too.
GRANT SELECT ON issues, pull_requests, discussions TO :"role";

-- The words, of which the role sees those of the rows that it sees.
GRANT SELECT ON embedding.words_workspace_issue, embedding.words_workspace_pull_request, embedding.words_workspace_discussion
TO :"role";

-- Which partitions may be searched.
GRANT SELECT ON workspaces, workspace_repositories TO :"role";

-- A process with ISearch, such as 'embeddings search', asks which model the vectors are of, shares the provider's limits, and keeps the
-- vectors of queries.
GRANT SELECT ON embedding.installation, embedding.rules, embedding.generations TO :"role";
GRANT SELECT, INSERT, UPDATE ON embedding.limiters, embedding.cache TO :"role";

COMMIT;
