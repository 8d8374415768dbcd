-- Variables: schema.
CREATE OR REPLACE FUNCTION :"schema".increment_cache_access(cache_id uuid) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE :"schema".similarity_cache SET access_count = access_count + 1, accessed_at = now() WHERE id = cache_id;
END;
