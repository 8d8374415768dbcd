-- What the live generation of a corpus lets be searched, as its last migration or switch wrote it.
CREATE OR REPLACE FUNCTION embedding.search_corpus(corpus text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found jsonb;
BEGIN
    IF to_regprocedure(format('embedding.%I()', 'search_of_' || corpus)) IS NULL THEN
        RAISE EXCEPTION 'no corpus of this database is called %', quote_literal(corpus)
            USING ERRCODE = 'ES404', HINT = 'Migrate it with a version that has search.';
    END IF;
    EXECUTE format('SELECT embedding.%I()', 'search_of_' || corpus) INTO found;
    RETURN found;
END
$$;

-- What a result shows of items, by id.
CREATE OR REPLACE FUNCTION embedding.search_details(
    kind jsonb, ids text[], request jsonb, query_vector real[], words jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET client_min_messages = warning AS $$
DECLARE
    details  jsonb;
    truth    text := format('(%s AND %s)', kind ->> 'current', COALESCE('NOT ' || (kind ->> 'changed'), 'true'));
    compared text := CASE WHEN COALESCE((request ->> 'includeStale')::boolean, false) THEN kind ->> 'kept' ELSE truth END;
    columns  text := COALESCE((
        SELECT string_agg(format('%L, %s', c.name, kind -> 'columns' -> c.name ->> 'sql'), ', ')
        FROM   jsonb_array_elements_text(COALESCE(NULLIF(request -> 'columns', 'null'), '[]')) AS c (name)
        WHERE  kind -> 'columns' ? c.name), '');
BEGIN
    EXECUTE format(
        $q$
        SELECT jsonb_object_agg(i.id, jsonb_build_object(
                   'partition', i.partition, 'title', i.title, 'stale', i.stale, 'truncated', i.truncated,
                   'similarity', 1 - i.distance, 'chunk', i.chunk, 'columns', i.columns,
                   'snippet', translate(CASE WHEN i.words IS NULL THEN left(i.document, 240) ELSE ts_headline(
                       i.language::regconfig, left(i.document, 8000), i.words,
                       'StartSel=' || chr(57344) || ', StopSel=' || chr(57345) || ', MaxWords=35, MinWords=15') END, chr(57346), '<')))
        FROM  (SELECT %1$s AS id, %2$s::text AS partition, left(%3$s, 200) AS title, (%4$s) IS NOT TRUE AS stale,
                      COALESCE(%5$s > 0, false) AS truncated, %6$s AS distance, %7$s AS chunk, jsonb_build_object(%8$s) AS columns,
                      -- A tag would be left out of the headline: what begins one is put back afterwards.
                      translate(%9$s, '<' || chr(57344) || chr(57345) || chr(57346), chr(57346)) AS document,
                      ($2 ->> (%10$s))::tsquery AS words,
                      %10$s AS language
               FROM   %11$s %12$s WHERE %13$s = ANY ($3::%14$s[])) i
        $q$,
        kind ->> 'id', COALESCE(kind ->> 'partition', 'NULL'), kind ->> 'title', truth, kind ->> 'truncated',
        CASE WHEN query_vector IS NULL THEN 'NULL::float8' WHEN kind -> 'chunks' = 'null' THEN
            format('CASE WHEN %s THEN %s %s $1::%s END', compared, kind ->> 'vector', kind ->> 'distance', kind ->> 'vectorType')
        ELSE format('CASE WHEN %s THEN best.distance END', compared) END,
        CASE WHEN query_vector IS NULL OR kind -> 'chunks' = 'null' THEN 'NULL::jsonb'
             ELSE 'jsonb_build_object(''number'', best.chunk_index, ''start'', best.start_char, '
                 '''length'', best.end_char - best.start_char)' END,
        columns,
        CASE WHEN query_vector IS NULL OR kind -> 'chunks' = 'null' THEN kind ->> 'document'
             ELSE format('COALESCE(best.content, %s)', kind ->> 'document') END,
        kind ->> 'language', kind ->> 'source',
        CASE WHEN query_vector IS NULL OR kind -> 'chunks' = 'null' THEN ''
             ELSE format(
                 $q$
                 LEFT JOIN LATERAL (
                     SELECT k.chunk_index, k.start_char, k.end_char, k.content, (k.embedding %1$s $1::%2$s) + 0 AS distance
                     FROM   %3$s k WHERE %4$s ORDER BY (k.embedding %1$s $1::%2$s) + 0, k.chunk_index LIMIT 1) best ON true
                 $q$, kind ->> 'distance', kind ->> 'vectorType', kind #>> '{chunks,table}', kind #>> '{chunks,on}') END,
        kind ->> 'key', kind ->> 'keyType')
    INTO details USING query_vector, words, ids;
    RETURN COALESCE(details, '{}');
END
$$;

-- Reads the words of rows that were written since they were last read: of some hundred, so that after a large load a search does not wait
-- for all. Returns whether any are left.
CREATE OR REPLACE FUNCTION embedding.search_settle(kind jsonb) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    are_behind boolean := false;
BEGIN
    IF kind #>> '{words,areBehind}' IS NOT NULL THEN
        EXECUTE 'SELECT ' || (kind #>> '{words,areBehind}') INTO are_behind;
    END IF;
    IF NOT are_behind OR current_setting('transaction_read_only')::boolean THEN
        RETURN are_behind;
    END IF;
    BEGIN
        EXECUTE format('SELECT %s(''(0,0)'', 500)', kind #>> '{words,settle}');
    EXCEPTION WHEN lock_not_available OR deadlock_detected OR serialization_failure OR unique_violation THEN
        -- Another reads the same rows.
        RETURN true;
    END;
    EXECUTE 'SELECT ' || (kind #>> '{words,areBehind}') INTO are_behind;
    RETURN are_behind;
END
$$;

-- Answers a request: see docs/search.md for its parts.
CREATE OR REPLACE FUNCTION embedding.search(request jsonb, query_vector real[] DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    corpus       jsonb := embedding.search_corpus(request ->> 'corpus');
    by_words     boolean := request ->> 'query' IS NOT NULL AND COALESCE(request ->> 'mode', 'hybrid') <> 'vector';
    page         integer := COALESCE((request ->> 'limit')::int, 10);
    skipped      integer := COALESCE((request ->> 'offset')::int, 0);
    candidates   integer := COALESCE((request ->> 'candidates')::int, LEAST(GREATEST(10 * page, 50), 200));
    farthest     double precision := 1 - (request ->> 'minSimilarity')::float8;
    stale        boolean := COALESCE((request ->> 'includeStale')::boolean, false);
    diversity    double precision := COALESCE((request ->> 'diversity')::float8, 0);
    part         jsonb;
    condition    text;
    language     text;
    own          record;
    leg          record;
    v_kinds      text[] := '{}';
    v_ids        text[] := '{}';
    v_distances  double precision[] := '{}';
    w_kinds      text[] := '{}';
    w_ids        text[] := '{}';
    w_scores     double precision[] := '{}';
    w_wholes     boolean[] := '{}';
    words        jsonb := '{}';
    known        jsonb := '{}';
    plan_vector  text;
    plan_words   text;
    facts        jsonb := '{}';
    fact         jsonb;
    fused        record;
    dropped      boolean[];
    pair         record;
    results      jsonb := '[]';
    details      jsonb := '{}';
    ids          text[];
    is_known     integer := 0;
    are_behind   boolean := false;
BEGIN
    SELECT NULL::real[] AS vector, NULL::text AS hash, NULL::text AS partition INTO own;
    IF request ->> 'model' IS NOT NULL AND request ->> 'model' <> corpus ->> 'model' THEN
        RAISE EXCEPTION 'the vectors of % are of the model % by now', request ->> 'corpus', corpus ->> 'model' USING ERRCODE = 'ES409';
    END IF;
    IF query_vector IS NOT NULL AND cardinality(query_vector) <> (corpus ->> 'dimensions')::int THEN
        RAISE EXCEPTION 'the vector has % dimensions, and those of % have %', cardinality(query_vector), request ->> 'corpus',
            corpus ->> 'dimensions' USING ERRCODE = 'ES400';
    END IF;
    IF request -> 'item' IS NOT NULL AND request -> 'item' <> 'null' THEN
        part := (SELECT k FROM jsonb_array_elements(corpus -> 'kinds') AS k WHERE k ->> 'kind' = request #>> '{item,kind}');
        IF part IS NOT NULL THEN
            EXECUTE format(
                'SELECT CASE WHEN %s THEN %s END AS vector, %s AS hash, %s AS partition FROM %s WHERE %s = $1::%s AND %s AND %s',
                CASE
                    WHEN stale THEN part ->> 'kept'
                    ELSE format('(%s AND %s)', part ->> 'current', COALESCE('NOT ' || (part ->> 'changed'), 'true')) END,
                part ->> 'array', part ->> 'hash',
                COALESCE(part ->> 'partition' || '::text', 'NULL::text'), part ->> 'source', part ->> 'key', part ->> 'keyType',
                part ->> 'allowed', COALESCE(embedding.search_condition(part, request - 'where'), 'false'))
            INTO own USING request #>> '{item,id}';
            GET DIAGNOSTICS is_known = ROW_COUNT;
        END IF;
        IF is_known = 0 THEN
            RAISE EXCEPTION 'there is no item %:%', request #>> '{item,kind}', request #>> '{item,id}' USING ERRCODE = 'ES404';
        END IF;
        IF own.vector IS NULL THEN
            RAISE EXCEPTION '%:% has no vector of its text yet', request #>> '{item,kind}', request #>> '{item,id}'
                USING ERRCODE = 'ES400', HINT = 'It is embedded by the next run.';
        END IF;
        query_vector := own.vector;
        by_words := false;
        IF own.partition IS NOT NULL AND NOT COALESCE((request ->> 'anyPartition')::boolean, false) THEN
            request := request || jsonb_build_object('partitions', jsonb_build_array(own.partition));
        END IF;
    END IF;
    FOR part IN SELECT k FROM jsonb_array_elements(corpus -> 'kinds') AS k
                WHERE COALESCE(NULLIF(request -> 'kinds', 'null'), '[]') IN ('[]') OR request -> 'kinds' ? (k ->> 'kind') LOOP
        condition := embedding.search_condition(part, request);
        CONTINUE WHEN condition IS NULL;
        IF query_vector IS NOT NULL THEN
            SELECT * INTO leg FROM embedding.search_vectors(
                part, query_vector,
                CASE WHEN own.hash IS NOT NULL AND part ->> 'kind' = request #>> '{item,kind}' THEN candidates + 1 ELSE candidates END,
                condition, stale, COALESCE((request ->> 'exact')::boolean, false));
            plan_vector := CASE WHEN plan_vector IS NULL OR plan_vector = leg.how THEN leg.how ELSE 'index, exact' END;
            v_kinds := v_kinds || array_fill(part ->> 'kind', ARRAY[cardinality(leg.ids)]);
            v_ids := v_ids || leg.ids;
            v_distances := v_distances || leg.distances;
        END IF;
        IF by_words AND part -> 'words' <> 'null' AND to_regclass(part #>> '{words,table}') IS NOT NULL THEN
            are_behind := embedding.search_settle(part) OR are_behind;
            FOR language IN SELECT jsonb_array_elements_text(embedding.search_languages(part)) LOOP
                IF NOT known ? language THEN
                    known := known || jsonb_build_object(language, embedding.search_terms(corpus, language, request ->> 'query'));
                END IF;
                SELECT * INTO leg
                FROM   embedding.search_words(part, language, request ->> 'query', known -> language, candidates, page, condition);
                plan_words := CASE
                    WHEN plan_words IS NULL OR plan_words = 'no words' OR length(leg.how) > length(plan_words) AND leg.how <> 'no words'
                    THEN leg.how ELSE plan_words END;
                w_kinds := w_kinds || array_fill(part ->> 'kind', ARRAY[cardinality(leg.ids)]);
                w_ids := w_ids || leg.ids;
                w_scores := w_scores || leg.scores;
                w_wholes := w_wholes || leg.wholes;
                words := words || jsonb_build_object(language, leg.any_words);
            END LOOP;
        END IF;
    END LOOP;
    SELECT array_agg(f.kind ORDER BY f.place) AS kinds, array_agg(f.id ORDER BY f.place) AS ids,
           array_agg(f.distance ORDER BY f.place) AS distances, array_agg(f.v_rank ORDER BY f.place) AS v_ranks,
           array_agg(f.w_rank ORDER BY f.place) AS w_ranks, array_agg(f.score ORDER BY f.place) AS scores
    INTO   fused
    FROM  (
        SELECT n.*, row_number() OVER (ORDER BY score DESC, distance, kind COLLATE "C", id COLLATE "C") AS place
        FROM  (
            SELECT kind, id, v.distance, v.rank AS v_rank, w.rank AS w_rank,
                   -- All words of a query say more than a place in the list.
                   COALESCE(COALESCE((request ->> 'vectorWeight')::float8, 1) / (COALESCE((request ->> 'k')::int, 2) + v.rank), 0)
                   + COALESCE(COALESCE((request ->> 'textWeight')::float8, 1.25) * CASE WHEN w.whole THEN 2 ELSE 1 END
                       / (COALESCE((request ->> 'k')::int, 2) + w.rank), 0) AS score
            FROM  (SELECT u.*, row_number() OVER (ORDER BY distance, kind COLLATE "C", id COLLATE "C") AS rank
                   FROM   unnest(v_kinds, v_ids, v_distances) AS u (kind, id, distance)
                   WHERE  (u.kind, u.id) IS DISTINCT FROM (request #>> '{item,kind}', request #>> '{item,id}')
                   ORDER  BY rank LIMIT candidates) v
            FULL   JOIN (
                   SELECT u.*, row_number() OVER (ORDER BY score DESC, kind COLLATE "C", id COLLATE "C") AS rank
                   FROM   unnest(w_kinds, w_ids, w_scores, w_wholes) AS u (kind, id, score, whole)
                   ORDER  BY rank LIMIT candidates) w USING (kind, id)) n
        ) f;
    dropped := array_fill(false, ARRAY[COALESCE(cardinality(fused.ids), 0)]);
    IF fused.ids IS NOT NULL AND (farthest IS NOT NULL AND query_vector IS NOT NULL OR own.hash IS NOT NULL OR diversity > 0) THEN
        FOR part IN SELECT k FROM jsonb_array_elements(corpus -> 'kinds') AS k WHERE k ->> 'kind' = ANY (fused.kinds) LOOP
            ids := ARRAY(SELECT u.id FROM unnest(fused.kinds, fused.ids) AS u (kind, id) WHERE u.kind = part ->> 'kind');
            facts := facts || jsonb_build_object(
                part ->> 'kind', embedding.search_facts(part, ids, query_vector, stale, diversity > 0));
        END LOOP;
        -- What is as near as that is a copy, or as good as one; of a text without a vector the distance is not known.
        FOR place IN 1 .. cardinality(fused.ids) LOOP
            fact := facts -> fused.kinds[place] -> fused.ids[place];
            dropped[place] := COALESCE(COALESCE(fused.distances[place], (fact ->> 'distance')::float8) > farthest, farthest IS NOT NULL)
                AND farthest IS NOT NULL AND query_vector IS NOT NULL
                OR own.hash IS NOT NULL AND (
                    fused.kinds[place] = request #>> '{item,kind}' AND fact ->> 'hash' = own.hash
                    OR EXISTS (
                        SELECT FROM generate_series(1, place - 1) AS earlier (n)
                        WHERE  fused.kinds[n] = fused.kinds[place] AND NOT dropped[n]
                        AND    facts -> fused.kinds[n] -> fused.ids[n] ->> 'hash' = fact ->> 'hash'));
        END LOOP;
        IF diversity > 0 THEN
            FOR pair IN SELECT * FROM embedding.search_pairs(
                corpus,
                ARRAY(
                    SELECT facts -> u.kind -> u.id ->> 'vector'
                    FROM   unnest(fused.kinds, fused.ids) WITH ORDINALITY AS u (kind, id, n) ORDER BY n),
                diversity) LOOP
                dropped[pair.other] := dropped[pair.other] OR NOT dropped[pair.one];
            END LOOP;
        END IF;
    END IF;
    -- The page.
    SELECT COALESCE(jsonb_agg(jsonb_build_object(
               'kind', p.kind, 'id', p.id, 'vectorRank', p.v_rank, 'textRank', p.w_rank, 'score', p.score) ORDER BY p.place), '[]')
    INTO   results
    FROM  (SELECT u.*, row_number() OVER (ORDER BY u.n) AS place
           FROM   unnest(fused.kinds, fused.ids, fused.v_ranks, fused.w_ranks, fused.scores, dropped) WITH ORDINALITY
                  AS u (kind, id, v_rank, w_rank, score, is_dropped, n)
           WHERE  NOT u.is_dropped) p
    WHERE  p.place > skipped AND p.place <= skipped + page;
    FOR part IN SELECT k FROM jsonb_array_elements(corpus -> 'kinds') AS k
                WHERE EXISTS (SELECT FROM jsonb_array_elements(results) AS r WHERE r ->> 'kind' = k ->> 'kind') LOOP
        details := details || jsonb_build_object(part ->> 'kind', embedding.search_details(
            part, ARRAY(SELECT r ->> 'id' FROM jsonb_array_elements(results) AS r WHERE r ->> 'kind' = part ->> 'kind'),
            request, query_vector, words));
    END LOOP;
    RETURN jsonb_build_object(
        'results', (
            SELECT COALESCE(jsonb_agg(r.result || (details -> (r.result ->> 'kind') -> (r.result ->> 'id')) ORDER BY r.n), '[]')
            FROM   jsonb_array_elements(results) WITH ORDINALITY AS r (result, n)
            WHERE  details -> (r.result ->> 'kind') ? (r.result ->> 'id')),
        'found', (SELECT count(*) FROM unnest(dropped) AS d (is_dropped) WHERE NOT d.is_dropped),
        'candidates', candidates, 'vector', plan_vector, 'text', plan_words, 'areBehind', are_behind);
END
$$;

-- The languages of a kind's rows.
CREATE OR REPLACE FUNCTION embedding.search_languages(kind jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    languages jsonb;
BEGIN
    IF kind #>> '{words,language}' IS NOT NULL THEN
        RETURN jsonb_build_array(kind #>> '{words,language}');
    END IF;
    EXECUTE format(
        $q$
        WITH RECURSIVE found (language) AS (
            (SELECT language FROM %1$s ORDER BY language LIMIT 1)
            UNION ALL
            SELECT (SELECT w.language FROM %1$s w WHERE w.language > f.language ORDER BY w.language LIMIT 1) FROM found f
            WHERE  f.language IS NOT NULL
        )
        SELECT jsonb_agg(language) FROM found WHERE language IS NOT NULL
        $q$, kind #>> '{words,table}')
    INTO languages;
    RETURN COALESCE(languages, '[]');
END
$$;

-- Distances, content hashes and vectors of items, by id.
CREATE OR REPLACE FUNCTION embedding.search_facts(
    kind jsonb, ids text[], query_vector real[], include_stale boolean, with_vectors boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    facts    jsonb;
    compared text := CASE
        WHEN include_stale THEN kind ->> 'kept'
        ELSE format('(%s AND %s)', kind ->> 'current', COALESCE('NOT ' || (kind ->> 'changed'), 'true')) END;
BEGIN
    EXECUTE format(
        $q$
        SELECT jsonb_object_agg(%1$s, jsonb_build_object(
                   'hash', %2$s, 'distance', CASE WHEN %3$s THEN %4$s END, 'vector', CASE WHEN $3 AND %3$s THEN %5$s::text END))
        FROM   %6$s WHERE %7$s = ANY ($2::%8$s[])
        $q$,
        kind ->> 'id', kind ->> 'hash', compared,
        CASE WHEN kind -> 'chunks' = 'null' THEN
            format('%s %s $1::%s', kind ->> 'vector', kind ->> 'distance', kind ->> 'vectorType')
        ELSE format('(SELECT min(k.embedding %s $1::%s) FROM %s k WHERE %s)', kind ->> 'distance', kind ->> 'vectorType',
            kind #>> '{chunks,table}', kind #>> '{chunks,on}') END,
        kind ->> 'vector', kind ->> 'source', kind ->> 'key', kind ->> 'keyType')
    INTO facts USING query_vector, ids, with_vectors;
    RETURN COALESCE(facts, '{}');
END
$$;

-- The pairs of vectors that are nearer to each other than a distance, by their places in the list.
CREATE OR REPLACE FUNCTION embedding.search_pairs(corpus jsonb, vectors text[], nearer_than double precision)
RETURNS TABLE (one integer, other integer)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        $q$
        WITH given AS MATERIALIZED (
            SELECT v.vector::%1$s AS vector, v.n::int AS n FROM unnest($1) WITH ORDINALITY AS v (vector, n) WHERE v.vector IS NOT NULL
        )
        SELECT a.n, b.n FROM given a JOIN given b ON a.n < b.n AND a.vector %2$s b.vector < $2 ORDER BY a.n, b.n
        $q$, corpus #>> '{kinds,0,vectorType}', corpus #>> '{kinds,0,distance}')
    USING vectors, nearer_than;
END
$$;

-- Items as they are, by kind and key.
CREATE OR REPLACE FUNCTION embedding.search_items(request jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    corpus    jsonb := embedding.search_corpus(request ->> 'corpus');
    page      integer := COALESCE((request ->> 'limit')::int, 100);
    skipped   integer := COALESCE((request ->> 'offset')::int, 0);
    kind      jsonb;
    condition text;
    ids       text[];
    details   jsonb;
    counted   integer;
    results   jsonb := '[]';
BEGIN
    FOR kind IN SELECT k FROM jsonb_array_elements(corpus -> 'kinds') AS k
                WHERE COALESCE(NULLIF(request -> 'kinds', 'null'), '[]') = '[]' OR request -> 'kinds' ? (k ->> 'kind') LOOP
        condition := embedding.search_condition(kind, request);
        CONTINUE WHEN condition IS NULL OR jsonb_array_length(results) >= page;
        IF request -> 'ids' IS NOT NULL AND request -> 'ids' <> 'null' THEN
            condition := condition || format(' AND %s = ANY (%L::%s[])', kind ->> 'key',
                ARRAY(SELECT jsonb_array_elements_text(request -> 'ids')), kind ->> 'keyType');
        END IF;
        condition := format('FROM %s WHERE %s AND %s AND %s', kind ->> 'source', kind ->> 'allowed', kind ->> 'shown', condition);
        EXECUTE format('SELECT ARRAY(SELECT %s %s ORDER BY %s OFFSET $1 LIMIT $2)', kind ->> 'id', condition, kind ->> 'key')
        INTO ids USING skipped, page - jsonb_array_length(results);
        IF cardinality(ids) = 0 AND skipped > 0 THEN
            EXECUTE format('SELECT count(*) %s', condition) INTO counted;
            skipped := skipped - LEAST(counted, skipped);
        ELSE
            skipped := 0;
        END IF;
        details := embedding.search_details(kind, ids, request, NULL, '{}');
        results := results || (
            SELECT COALESCE(jsonb_agg(jsonb_build_object('kind', kind ->> 'kind', 'id', u.id) || (details -> u.id) ORDER BY u.n), '[]')
            FROM   unnest(ids) WITH ORDINALITY AS u (id, n) WHERE details ? u.id);
    END LOOP;
    RETURN results;
END
$$;

-- Items by meaning and by words, for applications: join it by kind and id. Without a vector it searches by words, without a text by
-- meaning.
CREATE OR REPLACE FUNCTION embedding.hybrid_search(
    corpus text, query_vector real[], query_text text, max_results integer DEFAULT 10, kinds text[] DEFAULT NULL,
    partition text DEFAULT NULL, filters jsonb DEFAULT '[]', min_similarity double precision DEFAULT NULL, exact boolean DEFAULT false,
    include_stale boolean DEFAULT false, rrf_k integer DEFAULT 2, vector_weight double precision DEFAULT 1,
    text_weight double precision DEFAULT 1.25, model text DEFAULT NULL)
RETURNS TABLE (
    kind text, id text, title text, similarity double precision, vector_rank integer, text_rank integer, score double precision,
    snippet text, stale boolean)
LANGUAGE sql SET search_path = pg_catalog, pg_temp ROWS 10 AS $$
    SELECT r.kind, r.id, r.title, r.similarity, r."vectorRank", r."textRank", r.score, translate(r.snippet, chr(57344) || chr(57345), ''),
           r.stale
    FROM   jsonb_to_recordset(embedding.search(
               jsonb_strip_nulls(jsonb_build_object(
                   'corpus', corpus, 'query', query_text, 'limit', LEAST(GREATEST(max_results, 1), 100), 'kinds', to_jsonb(kinds),
                   'partitions', CASE WHEN partition IS NOT NULL THEN jsonb_build_array(partition) END,
                   'minSimilarity', min_similarity, 'exact', exact, 'includeStale', include_stale, 'k', rrf_k,
                   'vectorWeight', vector_weight, 'textWeight', text_weight, 'model', model))
               || jsonb_build_object('where', filters),
               query_vector) -> 'results')
           AS r (kind text, id text, title text, similarity float8, "vectorRank" int, "textRank" int, score float8, snippet text,
                 stale boolean)
$$;

-- What is like an item, without the item itself and its copies: of its own partition, or with '*' of all.
CREATE OR REPLACE FUNCTION embedding.similar_items(
    corpus text, of_kind text, of_id text, max_results integer DEFAULT 10, partition text DEFAULT NULL)
RETURNS TABLE (kind text, id text, title text, similarity double precision)
LANGUAGE sql SET search_path = pg_catalog, pg_temp ROWS 10 AS $$
    SELECT r.kind, r.id, r.title, r.similarity
    FROM   jsonb_to_recordset(embedding.search(jsonb_build_object(
               'corpus', corpus, 'item', jsonb_build_object('kind', of_kind, 'id', of_id),
               'limit', LEAST(GREATEST(max_results, 1), 100), 'anyPartition', COALESCE(partition = '*', false))) -> 'results')
           AS r (kind text, id text, title text, similarity float8)
$$;
