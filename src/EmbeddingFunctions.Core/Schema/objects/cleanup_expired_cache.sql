-- Variables: schema.
CREATE OR REPLACE FUNCTION :"schema".cleanup_expired_cache() RETURNS integer
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH expired AS (
        DELETE FROM :"schema".similarity_cache WHERE created_at + make_interval(hours => ttl_hours) < now() RETURNING 1
    )
    SELECT count(*)::integer FROM expired;
END;
