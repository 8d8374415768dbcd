using EmbeddingFunctions.Testing;
using NpgsqlTypes;

namespace EmbeddingFunctions.Bench.Data;

/// <summary>A corpus to measure with, and how to fill its tables with items that are all pending.</summary>
internal abstract class BenchCorpus
{
    /// <summary>One table, one index in addition to the engine's, as other programs are measured with.</summary>
    public static readonly BenchCorpus Plain = new PlainCorpus();

    /// <summary>The shipped one, without its index: three tables, text keys, the similarity cache.</summary>
    public static readonly BenchCorpus Workspace = new WorkspaceCorpus("workspace", "manual");

    /// <summary>The same with its index, as it is shipped.</summary>
    public static readonly BenchCorpus IndexedWorkspace = new WorkspaceCorpus("indexed_workspace", "auto");

    /// <summary>Anyone's table, declared with the defaults.</summary>
    public static readonly BenchCorpus Articles = new ArticlesCorpus("articles");

    /// <summary>The same with its index.</summary>
    public static readonly BenchCorpus Indexed = new ArticlesCorpus("indexed");

    /// <summary>The same with its vectors in a column of the table.</summary>
    public static readonly BenchCorpus Within = new ArticlesCorpus("within");

    private static readonly DateTime _newest = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    public abstract string Name { get; }

    protected static string DeclarationsFile => Path.Combine(AppContext.BaseDirectory, "corpora.json");

    public static BenchCorpus Named(string name) =>
        new[] { Plain, Workspace, IndexedWorkspace, Articles, Indexed, Within }.Single(corpus => corpus.Name == name);

    /// <summary>The file that declares it.</summary>
    public abstract string File { get; }

    /// <summary>Creates the base tables and puts items into them, spread evenly over the partitions.</summary>
    public abstract Task Fill(TestDatabase database, int items, int partitions, int characters);

    /// <summary>Copies rows of id, partition, title, body and changed-at.</summary>
    protected static async Task Copy<TId, TPartition>(
        TestDatabase database, string table, IEnumerable<int> numbers, Func<int, TId> id, Func<int, TPartition> partition, int characters)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        await using var import = await connection.BeginBinaryImportAsync(
            $"COPY {table} (id, repository_id, title, body, updated_at) FROM STDIN (FORMAT BINARY)");
        foreach (var n in numbers)
        {
            await import.StartRowAsync();
            await import.WriteAsync(id(n));
            await import.WriteAsync(partition(n));
            await import.WriteAsync($"title {n}");
            await import.WriteAsync(Words.Text(n, characters));
            // Neighbours in the table are not neighbours in time: 7919 is prime.
            await import.WriteAsync(_newest.AddSeconds(-(n * 7919L % 10_000_019)), NpgsqlDbType.TimestampTz);
        }

        await import.CompleteAsync();
    }
}
