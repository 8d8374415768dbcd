using Npgsql;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>Compares what migrations recorded as made with what a database has.</summary>
internal sealed class Inventory(NpgsqlDataSource database)
{
    public const string Records = "embedding.objects";

    // What there is of an object w, in words that change when it does. An index's name says what it is over.
    private static SqlText Definition =>
        $"""
        CASE replace(w.kind, 'PolicyFunction', 'Function')
        WHEN 'Column' THEN (
            SELECT format_type(a.atttypid, a.atttypmod) || COALESCE(' ' || pg_get_expr(d.adbin, d.adrelid), '')
            FROM   pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            LEFT   JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.attgenerated <> ''
            WHERE  n.nspname = w.schema_name AND c.relname = w.table_name AND a.attname = w.object_name AND NOT a.attisdropped)
        WHEN 'Constraint' THEN (
            SELECT pg_get_constraintdef(k.oid)
            FROM   pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE  n.nspname = w.schema_name AND c.relname = w.table_name AND k.conname = w.object_name)
        WHEN 'Trigger' THEN (
            SELECT g.tgenabled::text || ' ' || pg_get_triggerdef(g.oid)
            FROM   pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE  n.nspname = w.schema_name AND c.relname = w.table_name AND g.tgname = w.object_name AND NOT g.tgisinternal)
        WHEN 'Function' THEN (
            SELECT concat_ws(' ', p.prosecdef, p.proconfig::text, has_function_privilege('public', p.oid, 'EXECUTE'),
                md5(pg_get_functiondef(p.oid)))
            FROM   pg_proc p WHERE p.oid = to_regprocedure(w.object_name))
        WHEN 'Index' THEN (
            SELECT am.amname || ' ' || pg_get_indexdef(i.indexrelid, 1, false) || CASE WHEN i.indisvalid THEN '' ELSE ' invalid' END
            FROM   pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am am ON am.oid
                = c.relam
            WHERE  n.nspname = w.schema_name AND c.relname = w.object_name)
        WHEN 'View' THEN (
            SELECT concat_ws(' ', c.reloptions::text, md5(pg_get_viewdef(c.oid)))
            FROM   pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE  n.nspname = w.schema_name AND c.relname = w.object_name AND c.relkind = 'v')
        WHEN 'Schema' THEN (SELECT 'schema' FROM pg_namespace n WHERE n.nspname = w.object_name)
        ELSE (
            SELECT c.relkind::text || ' ' || c.relrowsecurity
            FROM   pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE  n.nspname = w.schema_name AND c.relname = w.object_name)
        END
        """;

    // Names are written with their schemas, whatever this role's own path.
    private static SqlText PinPath => $"SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)";

    /// <summary>How each wanted object stands.</summary>
    public async Task<IReadOnlyList<ObjectState>> Compare(
        string corpus, IReadOnlyList<SchemaObject> objects, CancellationToken cancellation)
    {
        var wanted = objects.Select(one => one.Key).ToList();
        var found = await Read(wanted, null, cancellation);
        return objects.Select(one => new ObjectState(one, corpus, found[one.Key].Live, found[one.Key].Record)).ToList();
    }

    /// <summary>All that is recorded for a corpus, the oldest first; nothing if nothing was ever migrated.</summary>
    public async Task<IReadOnlyList<(ObjectKey Key, string? Live, ObjectRecord Record)>> Of(
        string corpus, CancellationToken cancellation) =>
        (await Read([], corpus, cancellation)).Where(found => found.Value.Record is not null).OrderBy(found => found.Value.Place)
            .Select(found => (found.Key, found.Value.Live, found.Value.Record!)).ToList();

    /// <summary>Statements for the transaction that made the object.</summary>
    public static IEnumerable<string> Record(SchemaObject wanted, string corpus, bool isMade) => Record([(wanted, corpus, isMade)]);

    /// <summary>The same of several.</summary>
    public static IEnumerable<string> Record(IReadOnlyCollection<(SchemaObject Wanted, string Corpus, bool IsMade)> objects)
    {
        var records = objects.Select(one =>
            $"({Key(one.Wanted.Key)}, {Literals([one.Wanted.IsShared ? "" : one.Corpus, $"{one.IsMade}", one.Wanted.Fingerprint])})");
        return
        [
            $"""
            INSERT INTO {Records} (kind, schema_name, table_name, object_name, corpus, is_made, fingerprint)
            VALUES {string.Join(",\n       ", records)}
            ON CONFLICT (kind, schema_name, table_name, object_name) DO UPDATE
            SET    is_made = EXCLUDED.is_made, fingerprint = EXCLUDED.fingerprint, definition = NULL, recorded_at = now()
            """,
            "SELECT pg_catalog.set_config('embeddings.path', pg_catalog.current_setting('search_path'), true)",
            PinPath.ToString(),
            $"""
            UPDATE {Records} w SET definition = {Definition}
            WHERE (kind, schema_name, table_name, object_name) IN ({Keys(objects.Select(one => one.Wanted.Key))})
            """,
            "SELECT pg_catalog.set_config('search_path', pg_catalog.current_setting('embeddings.path'), true)",
        ];
    }

    public static string Forget(params IEnumerable<ObjectKey> keys) =>
        $"DELETE FROM {Records} WHERE (kind, schema_name, table_name, object_name) IN ({Keys(keys)})";

    private static string Keys(IEnumerable<ObjectKey> keys) => string.Join(", ", keys.Select(key => $"({Key(key)})"));

    private static string Key(ObjectKey key) => Literals([key.Kind.ToString(), key.Schema, key.Table, key.Name]);

    private static string Literals(IEnumerable<string> values) => string.Join(", ", values.Select(value => Sql.Literal(value).ToString()));

    private async Task<Dictionary<ObjectKey, (string? Live, ObjectRecord? Record, int Place)>> Read(
        IReadOnlyList<ObjectKey> wanted, string? corpus, CancellationToken cancellation)
    {
        var records = await HasRecords(cancellation) ? Sql.Raw(Records) : Sql.Of(
            $"""
            (SELECT ''::text AS kind, ''::text AS schema_name, ''::text AS table_name, ''::text AS object_name, ''::text AS corpus,
                    true AS is_made, ''::text AS fingerprint, ''::text AS definition, now() AS recorded_at WHERE false)
            """);
        var query = Sql.Of(
            $"""
            SELECT w.kind, w.schema_name, w.table_name, w.object_name, {Definition}, r.corpus, r.is_made, r.fingerprint, r.definition
            FROM  (SELECT *
                   FROM   unnest(
                              {wanted.Select(key => key.Kind.ToString()).ToArray()}::text[],
                              {wanted.Select(key => key.Schema).ToArray()}::text[], {wanted.Select(key => key.Table).ToArray()}::text[],
                              {wanted.Select(key => key.Name).ToArray()}::text[]) AS u (kind, schema_name, table_name, object_name)
                   UNION SELECT kind, schema_name, table_name, object_name FROM {records} AS o WHERE o.corpus = {corpus}) w
            LEFT   JOIN {records} AS r USING (kind, schema_name, table_name, object_name)
            ORDER  BY r.recorded_at
            """);
        var found = new Dictionary<ObjectKey, (string?, ObjectRecord?, int)>();
        await database.ReadAsync([PinPath, query], cancellation, _ => { }, row => found[
            new(Enum.Parse<ObjectKind>(row.GetString(0)), row.GetString(1), row.GetString(2), row.GetString(3))] = (
                row.Text(4),
                row.IsDBNull(5) ? null : new ObjectRecord(row.GetString(5), row.GetBoolean(6), row.GetString(7), row.Text(8)),
                found.Count));
        return found;
    }

    private Task<bool> HasRecords(CancellationToken cancellation) =>
        database.ScalarAsync<bool>($"SELECT pg_catalog.to_regclass({Records}) IS NOT NULL", cancellation);
}

/// <param name="Corpus">Empty for what corpora share.</param>
/// <param name="IsMade">Whether a migration made it; else it was there, and is never dropped.</param>
/// <param name="Fingerprint">Of the statement that made it.</param>
/// <param name="Definition">What there was of it then.</param>
internal sealed record ObjectRecord(string Corpus, bool IsMade, string Fingerprint, string? Definition);

/// <summary>How a wanted object stands in the database.</summary>
/// <param name="Wanted">What is wanted.</param>
/// <param name="Corpus">By which corpus.</param>
/// <param name="Live">What is there, or null.</param>
/// <param name="Record">What a migration recorded, or null.</param>
internal sealed record ObjectState(SchemaObject Wanted, string Corpus, string? Live, ObjectRecord? Record)
{
    /// <summary>Another corpus's, whose name it is.</summary>
    public string? Other => Record is { Corpus: var corpus } && corpus != "" && corpus != Corpus ? corpus : null;

    /// <summary>There, and not made by a migration.</summary>
    public bool IsForeign => Live is not null && Record is null && !Wanted.MayBeThere;

    /// <summary>Nothing is to be done.</summary>
    public bool IsRight =>
        Live is not null && (Record is { IsMade: false } || (Record?.Fingerprint == Wanted.Fingerprint && Record.Definition == Live));

    /// <summary>How a person reads that an object is not as it was made; null if it is, or if it was never made.</summary>
    public string? Problem => Record is null || Other is not null || (Live is not null && Record.Definition == Live) ? null
        : Live is null ? $"{Wanted.Key} is gone"
        : !Record.IsMade ? null
        : Wanted.Kind == ObjectKind.Trigger && Live[0] != Record.Definition?[0]
            ? $"{Wanted.Key} {(Live[0] == 'D' ? "is disabled" : "does not always fire")}"
        : Wanted.Kind == ObjectKind.Index && Live.EndsWith(" invalid", StringComparison.Ordinal) ? $"{Wanted.Key} is invalid"
        : $"{Wanted.Key} is not as it was made";
}
