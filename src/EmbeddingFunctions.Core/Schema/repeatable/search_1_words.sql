-- The name of a text search configuration for a language as people write it: its name in English, or its code of two letters.
CREATE OR REPLACE FUNCTION embedding.text_language(name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE((
        SELECT c.cfgname::text
        FROM   pg_ts_config c
        WHERE  c.cfgnamespace = 'pg_catalog'::regnamespace
        AND    c.cfgname = COALESCE((
            SELECT l.config FROM (VALUES
                ('ar', 'arabic'), ('da', 'danish'), ('de', 'german'), ('el', 'greek'), ('en', 'english'), ('es', 'spanish'),
                ('fi', 'finnish'), ('fr', 'french'), ('hu', 'hungarian'), ('it', 'italian'), ('nb', 'norwegian'), ('nl', 'dutch'),
                ('nn', 'norwegian'), ('no', 'norwegian'), ('pt', 'portuguese'), ('ro', 'romanian'), ('ru', 'russian'),
                ('sv', 'swedish'), ('tr', 'turkish')) AS l (code, config)
            WHERE  l.code = split_part(replace(lower(text_language.name), '_', '-'), '-', 1)), lower(text_language.name))), 'simple')
$$;

-- Names in a text, such as ADR-031, a/b and NullReferenceException, whole and in parts, as lexemes that no parser makes.
-- In PL/pgSQL, which keeps its plan between calls.
CREATE OR REPLACE FUNCTION embedding.text_identifiers(names text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF names !~ '[0-9_/\\.:#@-]|[[:lower:]][[:upper:]]' THEN
        RETURN '{}';
    END IF;
    RETURN (
        WITH words AS (
            SELECT btrim(w.word, '.,;:!?()[]{}<>"''`*') AS word
            FROM   regexp_split_to_table(names, '\s+') AS w (word)
            WHERE  length(w.word) BETWEEN 2 AND 200
            LIMIT  5000
        ), found AS (
            SELECT word FROM words WHERE word ~ '[0-9_/\\.:#@-]' OR word ~ '[[:lower:]][[:upper:]]'
        )
        SELECT COALESCE(array_agg(DISTINCT '=' || lower(part)), '{}')
        FROM  (SELECT word AS part FROM found
               UNION ALL SELECT unnest(regexp_split_to_array(word, '[^[:alnum:]]+')) FROM found
               UNION ALL
               SELECT unnest(regexp_split_to_array(
                   regexp_replace(word, '([[:lower:]])([[:upper:]])', '\1 \2', 'g'), '[^[:alnum:]]+'))
               FROM   found) parts
        WHERE  part <> '');
END
$$;

-- The words of a row for its search. It never fails for the text's sake: of one whose words are more than a tsvector holds, less is read.
CREATE OR REPLACE FUNCTION embedding.text_words(language text, a text, b text, c text, d text, names text) RETURNS tsvector
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
    characters integer := 200000;
BEGIN
    LOOP
        BEGIN
            RETURN setweight(to_tsvector(language::regconfig, left(COALESCE(a, ''), characters)), 'A')
                || setweight(to_tsvector(language::regconfig, left(COALESCE(b, ''), characters)), 'B')
                || setweight(to_tsvector(language::regconfig, left(COALESCE(c, ''), characters)), 'C')
                || to_tsvector(language::regconfig, left(COALESCE(d, ''), characters))
                || array_to_tsvector(embedding.text_identifiers(left(COALESCE(names, ''), characters)));
        EXCEPTION WHEN program_limit_exceeded THEN
            IF characters < 1000 THEN
                RETURN '';
            END IF;
            characters := characters / 4;
        END;
    END LOOP;
END
$$;
