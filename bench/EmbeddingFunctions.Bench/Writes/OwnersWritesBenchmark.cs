using System.Diagnostics;
using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Bench.Reports;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EmbeddingFunctions.Bench.Writes;

/// <summary>The owner's own statements, a row each, on a table with the triggers of a companion and on one without.</summary>
internal static class OwnersWritesBenchmark
{
    private const int Characters = 1_000;
    private const int RowsInTransaction = 100;

    private const string Declaration =
        """
        { "corpora": [{ "name": "documents", "dimensions": 384,
          "tables": [{ "kind": "document", "table": "documents", "text": "{title} {body}" }] }] }
        """;

    private static readonly IReadOnlyList<(string What, double Target, string Sql)> _statements =
    [
        ("INSERT", 0.85, "INSERT INTO documents (id, title, body) VALUES ($1, 'title', $2)"),
        ("UPDATE of the text", 0.85, "UPDATE documents SET body = 'another ' || $2 WHERE id = $1"),
        ("UPDATE of another column", 0.97, "UPDATE documents SET hits = length($2) WHERE id = $1"),
    ];

    public static async Task Run(Sizes sizes, Report report)
    {
        report.Note(
            $"{sizes.Items:N0} rows of {Characters:N0} characters, a statement a row, {RowsInTransaction} in a transaction, one "
                + $"connection; medians of {sizes.Runs}.\n");
        var rates = _statements.ToDictionary(statement => statement.What, _ => (Without: new List<double>(), With: new List<double>()));
        for (var run = 0; run < sizes.Runs; run++)
        {
            foreach (var (what, rate) in await Measure(sizes.Items, isMigrated: false))
            {
                rates[what].Without.Add(rate);
            }

            foreach (var (what, rate) in await Measure(sizes.Items, isMigrated: true))
            {
                rates[what].With.Add(rate);
            }
        }

        var medians = _statements.Select(statement => (
            statement.What, statement.Target, Without: rates[statement.What].Without.Median(), With: rates[statement.What].With.Median()))
            .ToList();
        report.Table(
            ["statement", "rows/s without", "rows/s with", "ratio"],
            medians.Select(median => (string[])
                [median.What, $"{median.Without:N0}", $"{median.With:N0}", $"{median.With / median.Without:N2}"]));
        foreach (var (what, target, without, with) in medians)
        {
            report.Add(
                Goal.AtLeast($"owner's writes: {what}, of the rate without triggers", target, with / without, digits: 2));
        }
    }

    private static async Task<IReadOnlyList<(string What, double Rate)>> Measure(int rows, bool isMigrated)
    {
        await using var database = await TestDatabase.Empty();
        await database.Execute("CREATE TABLE documents (id bigint PRIMARY KEY, title text, body text, hits int NOT NULL DEFAULT 0)");
        if (isMigrated)
        {
            await Migrate(database);
        }

        var rates = new List<(string, double)>();
        foreach (var (what, _, sql) in _statements)
        {
            rates.Add((what, await Measure(database, sql, rows)));
            await database.Execute("VACUUM documents");
            await database.Execute("CHECKPOINT");
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

    private static async Task Migrate(TestDatabase database)
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, Declaration);
        var settings = new EmbeddingSettings { Provider = ProviderChoice.Lexical, ProviderReason = "bench", CorporaFile = file };
        await using var services = new ServiceCollection().AddEmbeddings(settings, database.Source).BuildServiceProvider();
        await services.GetRequiredService<Migrator>().Migrate(
            services.GetRequiredService<CorpusSet>().Get("documents"), withSampleTables: false, null, CancellationToken.None);
        File.Delete(file);
    }
}
