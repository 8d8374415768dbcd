using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Switching;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Switching;

/// <summary>A table of notes with their vectors in it, embedded in one width, and declared in another.</summary>
public abstract class ColumnSwitchTest : IAsyncLifetime
{
    protected const int Old = 16;
    protected const int New = 32;

    private protected TestDatabase Database { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Database = await TestDatabase.Empty();
        await Database.Execute(
            """
            CREATE TABLE notes (id bigint PRIMARY KEY, title text);
            INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, 60) n;
            """);
        await using var corpus = Notes(Old);
        await corpus.MigrateAndRun();
    }

    public async Task DisposeAsync() => await Database.DisposeAsync();

    private protected DeclaredCorpus Notes(int dimensions, string text = "{title}") => new(Database.Source, new
    {
        name = "notes",
        dimensions,
        startsPerMinute = 1_000,
        tables = new[] { new { kind = "note", table = "notes", text } },
    });

    /// <summary>A corpus of another declaration, whose next generation is filled.</summary>
    private protected async Task<DeclaredCorpus> Filled(int dimensions = New, string text = "{title}")
    {
        var corpus = Notes(dimensions, text);
        await corpus.Run(name: (await corpus.Get<GenerationSwitch>().Begin("notes", null, default)).Name);
        return corpus;
    }

    private protected static Task Flip(DeclaredCorpus corpus) => corpus.Get<GenerationSwitch>().Flip("notes", null, default);

    // Which widths are read by the declared name, and how many of each.
    private protected Task<List<(int, int)>> Read() => Database.Source.QueryAsync(
        $"SELECT vector_dims(embedding), count(*)::int FROM notes WHERE embedding IS NOT NULL GROUP BY 1 ORDER BY 1",
        row => (row.GetInt32(0), row.GetInt32(1)), default);

    /// <summary>All that a migration made of a table, without the places of its columns.</summary>
    private protected static async Task<IReadOnlyList<string>> Shape(TestDatabase database, params string[] tables) =>
        (await database.Rows(
            """
            SELECT 'column ' || c.relname || ' ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
            FROM   pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            WHERE  c.oid = ANY ($1::regclass[]) AND a.attnum > 0 AND NOT a.attisdropped
            UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE (schemaname || '.' || tablename)::regclass = ANY ($1::regclass[])
            UNION ALL SELECT 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
            WHERE  conrelid = ANY ($1::regclass[])
            UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger
            WHERE  tgrelid = ANY ($1::regclass[]) AND NOT tgisinternal
            UNION ALL SELECT 'function ' || regexp_replace(pg_get_functiondef(oid), 'notes@2', 'notes', 'g') FROM pg_proc
            WHERE  pronamespace = 'public'::regnamespace AND proname LIKE 'embedding%'
            UNION ALL SELECT 'view ' || viewname || ' ' || definition FROM pg_views WHERE schemaname = 'public'
            UNION ALL SELECT 'recorded ' || kind || ' ' || table_name || ' ' || object_name || ' ' || is_made || ' ' || definition
            FROM   embedding.objects WHERE corpus <> ''
            ORDER  BY 1
            """,
            (object)tables)).Select(row => (string)row[0]!).ToList();
}
