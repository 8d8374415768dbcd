-- The conditions of a request on the items of a kind, as SQL; null where the kind has no such column.
CREATE OR REPLACE FUNCTION embedding.search_condition(kind jsonb, request jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    condition text := 'true';
    filter    jsonb;
    col       jsonb;
    wanted    record;
BEGIN
    IF request -> 'partitions' IS NOT NULL AND request -> 'partitions' <> 'null' THEN
        IF kind ->> 'partition' IS NULL THEN
            RETURN NULL;
        END IF;
        condition := condition || CASE jsonb_array_length(request -> 'partitions')
            WHEN 1 THEN format(' AND %s = %L::%s', kind ->> 'partition', request #>> '{partitions,0}', kind ->> 'partitionType')
            ELSE format(' AND %s = ANY (%L::%s[])', kind ->> 'partition',
                ARRAY(SELECT jsonb_array_elements_text(request -> 'partitions')), kind ->> 'partitionType') END;
    END IF;
    FOR filter IN SELECT jsonb_array_elements(COALESCE(NULLIF(request -> 'where', 'null'), '[]')) LOOP
        col := kind -> 'columns' -> (filter ->> 'column');
        IF col IS NULL THEN
            RETURN NULL;
        END IF;
        FOR wanted IN SELECT key, value FROM jsonb_each(filter) WHERE key <> 'column' LOOP
            condition := condition || CASE
                WHEN wanted.key = 'in' THEN format(' AND %s = ANY (%L::%s[])', col ->> 'sql',
                    ARRAY(SELECT jsonb_array_elements_text(wanted.value)), col ->> 'type')
                WHEN wanted.value = 'null' THEN format(
                    ' AND %s IS %s', col ->> 'sql', CASE wanted.key WHEN '=' THEN 'NULL' ELSE 'NOT NULL' END)
                WHEN wanted.key = '!=' THEN format(' AND %s IS DISTINCT FROM %L::%s', col ->> 'sql', wanted.value #>> '{}', col ->> 'type')
                WHEN wanted.key IN ('=', '<', '<=', '>', '>=') THEN
                    format(' AND %s %s %L::%s', col ->> 'sql', wanted.key, wanted.value #>> '{}', col ->> 'type')
                ELSE ' AND false' END;
        END LOOP;
    END LOOP;
    RETURN condition;
END
$$;

-- The nearest items by the index: the settings end with this function, so that no exact search ever has them.
CREATE OR REPLACE FUNCTION embedding.search_by_index(
    kind jsonb, query_vector real[], most integer, condition text, include_stale boolean,
    OUT ids text[], OUT distances double precision[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off
SET hnsw.iterative_scan = 'strict_order' SET hnsw.ef_search = 200 SET hnsw.max_scan_tuples = 20000 AS $$
BEGIN
    PERFORM set_config('hnsw.ef_search', LEAST(GREATEST(most, 40), 1000)::text, true);
    IF kind -> 'chunks' = 'null' THEN
        EXECUTE format(
            $q$
            WITH near AS MATERIALIZED (
                SELECT %1$s AS id, %2$s %3$s $1::%4$s AS distance FROM %5$s WHERE %6$s AND %7$s AND %8$s
                ORDER  BY %2$s %3$s $1::%4$s LIMIT $2
            )
            SELECT array_agg(id ORDER BY distance, id COLLATE "C"), array_agg(distance ORDER BY distance, id COLLATE "C") FROM near
            $q$,
            kind ->> 'id', kind ->> 'vector', kind ->> 'distance', kind ->> 'vectorType', kind ->> 'source',
            kind ->> CASE WHEN include_stale THEN 'kept' ELSE 'current' END, kind ->> 'allowed', condition)
        INTO ids, distances USING query_vector, most;
    ELSE
        EXECUTE format(
            $q$
            WITH near AS MATERIALIZED (
                SELECT %1$s AS id, k.embedding %3$s $1::%4$s AS distance
                FROM   %2$s k JOIN %5$s ON %9$s WHERE %6$s AND %7$s AND %8$s
                ORDER  BY k.embedding %3$s $1::%4$s LIMIT $2
            )
            SELECT array_agg(id ORDER BY distance, id COLLATE "C"), array_agg(distance ORDER BY distance, id COLLATE "C")
            FROM  (SELECT id, min(distance) AS distance FROM near GROUP BY id ORDER BY min(distance), id COLLATE "C" LIMIT %10$s) best
            $q$,
            kind ->> 'id', kind #>> '{chunks,table}', kind ->> 'distance', kind ->> 'vectorType', kind ->> 'source',
            kind ->> CASE WHEN include_stale THEN 'kept' ELSE 'current' END, kind ->> 'allowed', condition, kind #>> '{chunks,on}', most)
        INTO ids, distances USING query_vector, LEAST(4 * most, 1000);
    END IF;
    ids := COALESCE(ids, '{}');
END
$$;

-- The nearest items by comparing all that the conditions leave: ordered by an expression that no index has.
CREATE OR REPLACE FUNCTION embedding.search_exactly(
    kind jsonb, query_vector real[], most integer, condition text, include_stale boolean,
    OUT ids text[], OUT distances double precision[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    EXECUTE format(
        $q$
        SELECT array_agg(id ORDER BY distance, id COLLATE "C"), array_agg(distance ORDER BY distance, id COLLATE "C")
        FROM  (SELECT id, min(distance) AS distance
               FROM  (SELECT %1$s AS id, %2$s %3$s $1::%4$s AS distance FROM %5$s WHERE %6$s AND %7$s AND %8$s) compared
               GROUP  BY id ORDER BY min(distance) + 0, id COLLATE "C" LIMIT $2) near
        $q$,
        kind ->> 'id', CASE WHEN kind -> 'chunks' = 'null' THEN kind ->> 'vector' ELSE 'k.embedding' END, kind ->> 'distance',
        kind ->> 'vectorType',
        CASE WHEN kind -> 'chunks' = 'null' THEN kind ->> 'source'
             ELSE format('%s k JOIN %s ON %s', kind #>> '{chunks,table}', kind ->> 'source', kind #>> '{chunks,on}') END,
        kind ->> CASE WHEN include_stale THEN 'kept' ELSE 'current' END, kind ->> 'allowed', condition)
    INTO ids, distances USING query_vector, most;
    ids := COALESCE(ids, '{}');
END
$$;

-- The nearest items of a kind: exactly where few rows are left to compare, else by the index, and where that finds too few exactly too.
CREATE OR REPLACE FUNCTION embedding.search_vectors(
    kind jsonb, query_vector real[], most integer, condition text, include_stale boolean, is_exact boolean,
    OUT ids text[], OUT distances double precision[], OUT how text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    estimate json;
    is_edited boolean := false;
BEGIN
    IF NOT is_exact THEN
        EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM %s WHERE %s', kind ->> 'source', condition) INTO estimate;
        is_exact := (estimate #>> '{0,Plan,Plan Rows}')::float8 * (kind ->> 'dimensions')::int <= 2000000;
    END IF;
    LOOP
        how := 'exact';
        IF NOT is_exact THEN
            how := 'index';
            SELECT i.ids, i.distances INTO ids, distances
            FROM   embedding.search_by_index(kind, query_vector, most, condition, include_stale) i;
        END IF;
        IF is_exact OR cardinality(ids) < most THEN
            how := CASE WHEN is_exact THEN 'exact' ELSE 'index, exact' END;
            SELECT e.ids, e.distances INTO ids, distances
            FROM   embedding.search_exactly(kind, query_vector, most, condition, include_stale) e;
        END IF;
        EXIT WHEN include_stale OR is_edited OR kind ->> 'changed' IS NULL;
        EXECUTE format('SELECT COALESCE(bool_or(%s), false) FROM unnest($1) AS u (id)', kind ->> 'changedById') INTO is_edited USING ids;
        EXIT WHEN NOT is_edited;
        condition := format('%s AND NOT %s', condition, kind ->> 'changed');
    END LOOP;
END
$$;

-- The shares of a kind's rows that have words: counted where they are few, else as the statistics know them; of words that these do not
-- know, a small one.
CREATE OR REPLACE FUNCTION embedding.search_shares(
    kind jsonb, terms text[], queries tsquery[], OUT shares double precision[], OUT row_count double precision)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_table regclass := to_regclass(kind #>> '{words,table}');
BEGIN
    row_count := (SELECT c.reltuples FROM pg_class c WHERE c.oid = of_table);
    IF row_count < 2000 AND pg_relation_size(of_table) < 8000000 THEN
        EXECUTE format(
            'SELECT array_agg(c.share ORDER BY c.n), max(c.row_count)
             FROM  (SELECT q.n, GREATEST(count(%1$s) FILTER (WHERE %1$s @@ q.query), 0.5) / GREATEST(count(w.*), 1) AS share,
                           count(w.*) AS row_count
                    FROM   unnest($1) WITH ORDINALITY AS q (query, n) LEFT JOIN %2$s w ON true GROUP BY q.n) c',
            kind #>> '{words,bare}', kind #>> '{words,table}')
        INTO shares, row_count USING queries;
        RETURN;
    END IF;
    shares := (
        SELECT array_agg(COALESCE(k.share, 0.0001) ORDER BY t.place)
        FROM   unnest(terms) WITH ORDINALITY AS t (term, place)
        LEFT   JOIN (
            SELECT u.word, u.share
            FROM   pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            JOIN   pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = kind #>> '{words,column}',
                   unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs) AS u (word, share)
            WHERE  c.oid = of_table AND u.word = ANY (terms)) k ON k.word = t.term);
END
$$;

-- The words of a query with the share of the corpus's rows that have each: of all kinds, so that the kinds' scores can be compared.
CREATE OR REPLACE FUNCTION embedding.search_terms(corpus jsonb, language text, query text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
    terms   text[] := ARRAY(SELECT lexeme FROM unnest(to_tsvector(language::regconfig, query)) ORDER BY positions[1] LIMIT 32);
    queries tsquery[];
    kind    jsonb;
    known   record;
    counts  double precision[];
    total   double precision := 0;
BEGIN
    IF EXISTS (SELECT FROM jsonb_array_elements(corpus -> 'kinds') AS k WHERE (k #>> '{words,hasNames}')::boolean) THEN
        terms := terms || ARRAY(
            SELECT DISTINCT '=' || lower(word) FROM (
                SELECT btrim(w.word, '.,;:!?()[]{}<>"''`*') AS word FROM regexp_split_to_table(query, '\s+') AS w (word)) names
            WHERE length(word) BETWEEN 1 AND 200 LIMIT 32);
    END IF;
    queries := ARRAY(
        SELECT ('''' || replace(replace(t.term, '\', '\\'), '''', '''''') || '''')::tsquery
        FROM   unnest(terms) WITH ORDINALITY AS t (term, n) ORDER BY t.n);
    counts := array_fill(0::float8, ARRAY[cardinality(terms)]);
    IF cardinality(terms) > 0 THEN
        FOR kind IN SELECT k FROM jsonb_array_elements(corpus -> 'kinds') AS k
                    WHERE k -> 'words' <> 'null' AND to_regclass(k #>> '{words,table}') IS NOT NULL LOOP
            SELECT * INTO known FROM embedding.search_shares(kind, terms, queries);
            total := total + known.row_count;
            counts := ARRAY(
                SELECT c.n + c.share * known.row_count FROM unnest(counts, known.shares) WITH ORDINALITY AS c (n, share, place)
                ORDER  BY c.place);
        END LOOP;
    END IF;
    RETURN jsonb_build_object(
        'queries', to_jsonb(ARRAY(SELECT q::text FROM unnest(queries) WITH ORDINALITY AS u (q, n) ORDER BY n)),
        'shares', to_jsonb(ARRAY(SELECT LEAST(GREATEST(c.n / GREATEST(total, 1), 0.00001), 1)
                                 FROM unnest(counts) WITH ORDINALITY AS c (n, place) ORDER BY c.place)));
END
$$;

-- Items whose words match, best first: by how rare the matching words are, how much the columns weigh that have them, and how close they
-- are; and whether each item has all of them. Without a filter the best are joined to their rows when they are ranked; with one, or where
-- too few of these may be shown, all are joined before.
CREATE OR REPLACE FUNCTION embedding.search_ranked(
    kind jsonb, language text, condition text, most integer, ranked integer, drivers tsquery, whole tsquery, queries tsquery[],
    shares double precision[], OUT ids text[], OUT scores double precision[], OUT wholes boolean[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    words text := kind #>> '{words,sql}';
    shown text := format('%s AND %s AND %s', kind ->> 'allowed', kind ->> 'shown', condition);
    own   text := CASE WHEN kind #>> '{words,language}' IS NULL THEN format('w.language = %L', language) ELSE 'true' END;
    -- A longer text has words by chance, which the 1 allows for. All words together are worth more, and the more the closer they are.
    score text := COALESCE((
        SELECT string_agg(format('%s * ts_rank(f.lexemes, %L::tsquery, 1)', ln(1 + 1 / r.share), r.query), ' + ')
        FROM   unnest(queries, shares) AS r (query, share)), '0::float8');
    found integer;
BEGIN
    -- A phrase that a person asked for goes first.
    score := format(
        '(%s) * CASE WHEN f.lexemes @@ $3 THEN %s * (1.25 + 3 * ts_rank_cd(''{1, 1, 1, 1}'', f.lexemes, $3, 32)) ELSE 1 END', score,
        CASE WHEN whole::text LIKE '%<%' THEN 1000 ELSE 1 END);
    IF kind #>> '{words,alone}' IS NOT NULL AND condition = 'true' THEN
        EXECUTE format(
            $q$
            WITH w AS MATERIALIZED (
                SELECT f.*, f.lexemes @@ $3 AS whole, %5$s AS score
                FROM  (SELECT w.*, %1$s || ''::tsvector AS lexemes FROM %2$s w WHERE %1$s @@ $1 AND %3$s LIMIT %4$s) f
                ORDER  BY score DESC LIMIT 2 * $2
            ), best AS (
                SELECT %6$s AS id, w.whole, w.score FROM w JOIN %7$s WHERE %8$s
                ORDER  BY w.score DESC, %6$s COLLATE "C" LIMIT $2
            )
            SELECT array_agg(id ORDER BY score DESC, id COLLATE "C"), array_agg(score ORDER BY score DESC, id COLLATE "C"),
                   array_agg(whole ORDER BY score DESC, id COLLATE "C"), (SELECT count(*) FROM w)
            FROM   best
            $q$, words, kind #>> '{words,alone}', own, ranked, score, kind ->> 'id', kind #>> '{words,joined}', shown)
        INTO ids, scores, wholes, found USING drivers, most, whole;
        IF found < 2 * most OR cardinality(ids) >= most THEN
            RETURN;
        END IF;
    END IF;
    EXECUTE format(
        $q$
        WITH best AS (
            SELECT id, f.lexemes @@ $3 AS whole, %7$s AS score
            FROM  (SELECT %1$s AS id, %2$s || ''::tsvector AS lexemes FROM %3$s WHERE %4$s AND %5$s AND %2$s @@ $1 LIMIT %6$s) f
            ORDER  BY score DESC, id COLLATE "C" LIMIT $2
        )
        SELECT array_agg(id ORDER BY score DESC, id COLLATE "C"), array_agg(score ORDER BY score DESC, id COLLATE "C"),
               array_agg(whole ORDER BY score DESC, id COLLATE "C")
        FROM   best
        $q$, kind ->> 'id', words, kind #>> '{words,from}', shown, own, ranked, score)
    INTO ids, scores, wholes USING drivers, most, whole;
END
$$;

-- Items of a kind by their words: those with all words of the query and, where they are too few, those with any.
CREATE OR REPLACE FUNCTION embedding.search_words(
    kind jsonb, language text, query text, known jsonb, most integer, wanted integer, condition text,
    OUT ids text[], OUT scores double precision[], OUT wholes boolean[], OUT how text, OUT any_words tsquery)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET client_min_messages = warning AS $$
DECLARE
    -- Ranking reads every match.
    ranked    CONSTANT integer := 2000;
    -- A hyphen excludes the word that follows it at once; one by itself is a dash, and two begin an option of a command.
    all_words tsquery := websearch_to_tsquery(language::regconfig, regexp_replace(query, '(^|\s)(-+(?=\s|$)|--+)', '\1', 'g'));
    source    text := format('%s WHERE %s AND %s AND %s', kind #>> '{words,from}', kind ->> 'allowed', kind ->> 'shown', condition);
    queries   tsquery[];
    shares    double precision[];
    row_count double precision;
    drivers   tsquery;
    total     double precision := 0;
    place     integer;
    near      text[];
    likeness  double precision[];
BEGIN
    IF kind #>> '{words,language}' IS NULL THEN
        source := source || format(' AND w.language = %L', language);
    END IF;
    how := 'no words';
    queries := ARRAY(SELECT t::tsquery FROM jsonb_array_elements_text(known -> 'queries') WITH ORDINALITY AS t (t, n) ORDER BY n);
    shares := ARRAY(SELECT t::float8 FROM jsonb_array_elements_text(known -> 'shares') WITH ORDINALITY AS t (t, n) ORDER BY n);
    row_count := (SELECT GREATEST(c.reltuples, 0) FROM pg_class c WHERE c.oid = to_regclass(kind #>> '{words,table}'));
    IF numnode(all_words) > 0 THEN
        SELECT r.ids, r.scores, r.wholes INTO ids, scores, wholes
        FROM   embedding.search_ranked(kind, language, condition, most, ranked, all_words, all_words, queries, shares) r;
        how := 'all words';
        any_words := all_words;
    END IF;
    -- What a person excluded stays excluded.
    IF cardinality(queries) > 0 AND COALESCE(cardinality(ids), 0) < wanted AND all_words::text NOT LIKE '%!%' THEN
        -- Frequent words tell little, and would have every row read: they count for the order of what the rarer ones find.
        FOR place IN SELECT n FROM unnest(shares) WITH ORDINALITY AS s (share, n) ORDER BY share, n LOOP
            EXIT WHEN drivers IS NOT NULL AND total + shares[place] * row_count > ranked;
            total := total + shares[place] * row_count;
            drivers := CASE WHEN drivers IS NULL THEN queries[place] ELSE drivers || queries[place] END;
        END LOOP;
        any_words := (SELECT string_agg(t.q::text, ' | ') FROM unnest(queries) AS t (q))::tsquery;
        SELECT r.ids, r.scores, r.wholes INTO ids, scores, wholes
        FROM   embedding.search_ranked(kind, language, condition, most, ranked, drivers, all_words, queries, shares) r;
        how := CASE WHEN ids IS NULL AND numnode(all_words) = 0 THEN 'no words' ELSE 'any word' END;
    END IF;
    ids := COALESCE(ids, '{}');
    scores := COALESCE(scores, '{}');
    wholes := COALESCE(wholes, '{}');
    -- Misspelt names, and parts of them.
    IF kind #>> '{words,names}' IS NOT NULL AND cardinality(ids) < wanted AND length(query) BETWEEN 3 AND 100
        AND all_words::text NOT LIKE '%!%' THEN
        EXECUTE format(
            $q$
            SELECT array_agg(id ORDER BY score DESC, id COLLATE "C"), array_agg(score ORDER BY score DESC, id COLLATE "C")
            FROM  (SELECT %1$s AS id, %4$s.word_similarity($1, %2$s)::float8 / 1000 AS score
                   FROM   %3$s AND $1 OPERATOR(%4$s.<%%) %2$s AND NOT (%1$s = ANY ($3))
                   ORDER  BY score DESC, %1$s COLLATE "C" LIMIT $2) near
            $q$, kind ->> 'id', kind #>> '{words,names}', source, kind #>> '{words,trigrams}')
        INTO near, likeness USING query, most - cardinality(ids), ids;
        IF near IS NOT NULL THEN
            ids := ids || near;
            scores := scores || likeness;
            wholes := wholes || array_fill(false, ARRAY[cardinality(near)]);
            how := how || ', names';
        END IF;
    END IF;
END
$$;
