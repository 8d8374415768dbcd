using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary><c>embeddings switch</c> while rows are edited and searched, by a program that is killed.</summary>
public sealed class SwitchTests : IAsyncLifetime
{
    private const int Rows = 20_000;
    private const int FewRows = 4_000;
    private const int Old = 24;
    private const int New = 32;

    private readonly TestFolder _folder = new();
    private readonly CancellationTokenSource _end = new();
    private TestDatabase _database = null!;
    private string _store = "";
    private int _rows;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync()
    {
        _end.Dispose();
        await _database.DisposeAsync();
        _folder.Dispose();
    }

    // Each vector of the store column is one more version of its row, with all its index entries.
    [Theory]
    [InlineData("table", Rows)]
    [InlineData("column", FewRows)]
    public async Task Under_edits_and_searches_a_switch_is_killed_twice_and_rolled_back_once_and_no_search_lacks_an_answer(
        string store, int rows)
    {
        (_store, _rows) = (store, rows);
        await _database.Execute("CREATE TABLE notes (id bigint PRIMARY KEY, title text)");
        await _database.Execute(
            "INSERT INTO notes SELECT n, 'note ' || n || ' of ' || md5(n::text) FROM generate_series(1, $1) n", rows);
        (await Program(Old).Run("migrate", "notes")).Exits(0);
        (await Program(Old).Run("backfill", "notes")).Exits(0);
        var asked = (await Program(New).Run("switch", "notes")).Exits(2);
        Assert.Contains($"about {rows:N0} items", asked.Error, StringComparison.Ordinal);
        var (edits, searches) = (Task.Run(Edit), Task.Run(Search));

        foreach (var filled in new[] { rows / 10, rows / 2 })
        {
            await using var running = Program(New).Start("switch", "notes", "--yes", "--auto");
            await Waiting.Until(async () => await Filled() >= filled);
            await running.Kill();
        }

        await _database.Execute("UPDATE embedding.claims SET leased_until = now() - interval '1 second' WHERE leased_until IS NOT NULL");
        var last = await Program(New).Run("switch", "notes", "--yes", "--auto");
        if (last.ExitCode != 0)
        {
            // How fast a search is depends on what else the machine does.
            Assert.All(
                last.Out.Split('\n').Where(line => line.Contains("not yet:", StringComparison.Ordinal)),
                line => Assert.Contains("a search of note takes", line, StringComparison.Ordinal));
            (await Program(New).Run("switch", "notes", "--flip", "--yes")).Exits(0);
        }

        Assert.Equal(New, await Live());
        (await Program(New).Run("switch", "notes", "--rollback")).Exits(0);
        Assert.Equal(Old, await Live());
        (await Program(New).Run("switch", "notes", "--flip", "--yes")).Exits(0);
        await _end.CancelAsync();
        await edits;

        Assert.True(await searches > 20, "Hardly any search was made.");
        (await Program(New).Run("switch", "notes", "--finish")).Exits(0);
        (await Program(New).Run("backfill", "notes")).Exits(0);
        Assert.Equal(
            (await _database.Ask<long>("SELECT count(*) FROM notes"), New),
            (await _database.Ask<long>($"SELECT count(embedding) FROM {Living}"), await Live()));
    }

    private string Living => _store == "table" ? "embedding.live_notes_note" : "notes";

    private Program Program(int dimensions)
    {
        var file = Path.Combine(_folder.Path, $"{dimensions}.json");
        File.WriteAllText(
            file,
            $$"""
            { "corpora": [ { "name": "notes", "dimensions": {{dimensions}}, "store": "{{_store}}", "startsPerMinute": 1000,
                "tables": [ { "kind": "note", "table": "notes", "text": "{title}" } ] } ] }
            """);
        return new Program(_folder.Path).Set("DATABASE_URL", _database.ConnectionString).Set("CORPORA_FILE", file)
            .Set("EMBEDDING_PROVIDER", "lexical");
    }

    private async Task Edit()
    {
        for (var n = 1; !_end.IsCancellationRequested; n++)
        {
            await _database.Execute(
                "UPDATE notes SET title = title || '.' WHERE id = $1", (long)Random.Shared.Next(1, _rows));
            await _database.Execute("INSERT INTO notes (id, title) VALUES ($1, 'new')", (long)_rows + n);
            await Task.Delay(20);
        }
    }

    // Ten neighbours, all of one width: those of the generation that was live as the statement began.
    private async Task<int> Search()
    {
        var searches = 0;
        for (; !_end.IsCancellationRequested; searches++)
        {
            var found = await _database.Ask<string>(
                $"""
                SELECT count(*) || ' of ' || count(DISTINCT vector_dims(embedding)) FROM (
                    SELECT embedding FROM {Living} WHERE embedding IS NOT NULL
                    ORDER  BY embedding <=> (SELECT embedding FROM {Living} WHERE id = $1) LIMIT 10) nearest
                """,
                (long)Random.Shared.Next(1, _rows));
            Assert.Equal("10 of 1", found);
            await Task.Delay(20);
        }

        return searches;
    }

    private async Task<long> Filled() => await _database.Ask<bool>(
        """
        SELECT to_regclass('embedding."vectors_notes@2_note"') IS NOT NULL OR EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = 'notes'::regclass AND attname = 'embedding_g2')
        """)
        ? await _database.Ask<long>(
            _store == "table" ? "SELECT count(embedding) FROM embedding.\"vectors_notes@2_note\"" : "SELECT count(embedding_g2) FROM notes")
        : 0;

    private Task<int> Live() => _database.Ask<int>($"SELECT max(vector_dims(embedding)) FROM {Living}");
}
