-- Variables: schema.
CREATE OR REPLACE FUNCTION :"schema".get_cache_statistics() RETURNS TABLE (
    total_entries bigint, total_repositories bigint, avg_access_count numeric,
    oldest_entry timestamptz, newest_entry timestamptz, expired_entries bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT count(*), count(DISTINCT repository_id), round(avg(access_count), 2), min(created_at), max(created_at),
           count(*) FILTER (WHERE created_at + make_interval(hours => ttl_hours) < now())
    FROM   :"schema".similarity_cache;
END;
