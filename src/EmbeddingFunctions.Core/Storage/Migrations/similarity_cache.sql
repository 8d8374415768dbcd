CREATE TABLE {schema}.similarity_cache (
    id            uuid        PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    repository_id {partition_type} NOT NULL,
    item_type     text        NOT NULL,
    item_id       text        NOT NULL,
    embedding     {vector_type} NOT NULL,
    content_hash  text        NOT NULL,
    ttl_hours     integer     NOT NULL DEFAULT 168,
    created_at    timestamptz NOT NULL DEFAULT now(),
    accessed_at   timestamptz NOT NULL DEFAULT now(),
    access_count  integer     NOT NULL DEFAULT 1,
    UNIQUE (repository_id, item_type, item_id)
);
CREATE INDEX similarity_cache_age ON {schema}.similarity_cache (created_at);

CREATE OR REPLACE FUNCTION {schema}.increment_cache_access(cache_id uuid) RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE {schema}.similarity_cache SET access_count = access_count + 1, accessed_at = now() WHERE id = cache_id
$$;

CREATE OR REPLACE FUNCTION {schema}.cleanup_expired_cache() RETURNS integer LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    WITH expired AS (
        DELETE FROM {schema}.similarity_cache WHERE created_at + make_interval(hours => ttl_hours) < now() RETURNING 1
    )
    SELECT count(*)::integer FROM expired
$$;

CREATE OR REPLACE FUNCTION {schema}.get_cache_statistics() RETURNS TABLE (
    total_entries bigint, total_repositories bigint, avg_access_count numeric,
    oldest_entry timestamptz, newest_entry timestamptz, expired_entries bigint) LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(*), count(DISTINCT repository_id), round(avg(access_count), 2), min(created_at), max(created_at),
           count(*) FILTER (WHERE created_at + make_interval(hours => ttl_hours) < now())
    FROM   {schema}.similarity_cache
$$;
