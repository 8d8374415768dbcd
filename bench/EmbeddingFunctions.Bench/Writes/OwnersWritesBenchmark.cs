using System.Diagnostics;
using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Bench.Reports;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EmbeddingFunctions.Bench.Writes;

/// <summary>
/// The owner's own statements, a row each, on a table without triggers, with triggers that do nothing, and with the product's, whose rows
/// are embedded and have their index.
/// </summary>
internal static class OwnersWritesBenchmark
{
    private const int Characters = 1_000;
    private const int RowsInTransaction = 100;
    private const string Without = "no trigger";
    private const string Product = "edits";

    private static readonly IReadOnlyList<(string What, double Target, string Sql)> _statements =
    [
        ("UPDATE of the text", 0.85, "UPDATE documents SET body = 'another ' || $2 WHERE id = $1"),
        ("UPDATE of another column", 0.97, "UPDATE documents SET hits = length($2) WHERE id = $1"),
        ("INSERT", 0.85, "INSERT INTO documents (id, title, body) VALUES (1000000000 + $1, 'title', $2)"),
    ];

    private static readonly IReadOnlyList<(string Name, Func<TestDatabase, Task> Prepare)> _tables =
    [
        (Without, _ => Task.CompletedTask),
        ("empty triggers", AddEmptyTriggers),
        (Product, database => Migrate(database, """ "store": "table" """, "")),
        ("edits, \"trigger\"", database => Migrate(database, """ "store": "table", "trigger": true """, "")),
        ("edits, \"search\"", database => Migrate(
            database, """ "store": "table" """, """ , "search": { "language": "english", "identifiers": ["title"] } """)),
        ("edits, \"queue\"", database => Migrate(database, """ "store": "column", "trigger": true """, """ , "queue": "row" """)),
    ];

    public static async Task Run(Sizes sizes, Report report)
    {
        var rows = sizes.Items / 4;
        report.Note(
            $"{rows:N0} rows of {Characters:N0} characters, a statement a row, {RowsInTransaction} in a transaction, one connection; "
                + $"medians of {sizes.Runs * 3} rounds, each of all tables in turn, of the rate and of its ratio to the round's first.\n");
        var rates = new Dictionary<(string Table, string What), List<double>>();
        for (var round = 0; round < sizes.Runs * 3; round++)
        {
            foreach (var (name, prepare) in _tables)
            {
                foreach (var (what, rate) in await Measure(rows, prepare))
                {
                    rates.TryAdd((name, what), []);
                    rates[(name, what)].Add(rate);
                }
            }
        }

        double Ratio(string table, string what) =>
            rates[(table, what)].Zip(rates[(Without, what)], (with, without) => with / without).ToList().Median();
        report.Table(
            ["table", .. _statements.Select(statement => $"{statement.What}, rows/s")],
            _tables.Select(table => (string[])[
                table.Name,
                .. _statements.Select(statement =>
                    $"{rates[(table.Name, statement.What)].Median():N0} ({Ratio(table.Name, statement.What):N2})")]));
        foreach (var (what, target, _) in _statements)
        {
            report.Add(Goal.AtLeast($"owner's writes: {what}, of the rate without triggers", target, Ratio(Product, what), digits: 2));
        }
    }

    private static async Task<IReadOnlyList<(string What, double Rate)>> Measure(int rows, Func<TestDatabase, Task> prepare)
    {
        await using var database = await TestDatabase.Empty();
        await database.Execute("CREATE TABLE documents (id bigint PRIMARY KEY, title text, body text, hits int NOT NULL DEFAULT 0)");
        await database.Execute(
            $"INSERT INTO documents SELECT i, 'title', $1 || i FROM generate_series(0, {rows - 1}) i", Words.Text(0, Characters));
        await prepare(database);
        var rates = new List<(string, double)>();
        foreach (var (what, _, sql) in _statements)
        {
            await database.Execute("VACUUM documents");
            await database.Execute("CHECKPOINT");
            rates.Add((what, await Measure(database, sql, rows)));
        }

        return rates;
    }

    private static async Task<double> Measure(TestDatabase database, string sql, int rows)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        var (id, text) = (new NpgsqlParameter<long>(), new NpgsqlParameter<string>());
        command.Parameters.AddRange(new NpgsqlParameter[] { id, text });
        await command.PrepareAsync();
        var texts = Enumerable.Range(0, RowsInTransaction).Select(n => Words.Text(n, Characters)).ToList();
        var begun = Stopwatch.GetTimestamp();
        for (var first = 0; first < rows; first += RowsInTransaction)
        {
            await using var transaction = await connection.BeginTransactionAsync();
            for (var row = first; row < Math.Min(rows, first + RowsInTransaction); row++)
            {
                (id.TypedValue, text.TypedValue) = (row, texts[row - first]);
                await command.ExecuteNonQueryAsync();
            }

            await transaction.CommitAsync();
        }

        return rows / Stopwatch.GetElapsedTime(begun).TotalSeconds;
    }

    private static async Task AddEmptyTriggers(TestDatabase database) => await database.Execute(
        """
        CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER edit AFTER UPDATE ON documents FOR EACH ROW EXECUTE FUNCTION nothing();
        CREATE TRIGGER added AFTER INSERT ON documents REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION nothing();
        """);

    private static async Task Migrate(TestDatabase database, string corpus, string table)
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(
            file,
            $$"""
            { "corpora": [{ "name": "documents", "dimensions": 384, "startsPerMinute": 1000, {{corpus}},
              "tables": [{ "kind": "document", "table": "documents", "text": "{title} {body}"{{table}} }] }] }
            """);
        var settings = new EmbeddingSettings { Provider = ProviderChoice.Lexical, ProviderReason = "bench", CorporaFile = file };
        await using var services = new ServiceCollection().AddEmbeddings(settings, database.Source).BuildServiceProvider();
        await services.GetRequiredService<Migrator>().Migrate(
            services.GetRequiredService<CorpusSet>().Get("documents"), new MigrationOptions(), null, CancellationToken.None);
        var engine = services.GetRequiredService<InProcessEngine>();
        var outcome = await engine.Run(new RunRequest("documents", []), null, CancellationToken.None);
        if (outcome.Status != RunStatus.Completed)
        {
            throw new InvalidOperationException(outcome.Error);
        }

        File.Delete(file);
    }
}
