-- True while the columns that a statement names are those of its generation. A host that knows the names of before a flip, and waited for
-- the table's lock meanwhile, gets an error before it reads or writes a row.
CREATE OR REPLACE FUNCTION embedding.ensure_generation(of_corpus text, generation text, has_declared_names boolean) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF has_declared_names AND EXISTS (
            SELECT FROM embedding.generations g WHERE g.corpus = of_corpus AND g.is_live AND g.name <> generation)
        OR NOT has_declared_names AND NOT EXISTS (
            SELECT FROM embedding.generations g WHERE g.name = generation AND NOT g.is_live AND g.removed_at IS NULL)
    THEN
        RAISE EXCEPTION 'the columns of % are those of another generation by now', generation USING ERRCODE = 'EG001';
    END IF;
    RETURN true;
END
$$;
