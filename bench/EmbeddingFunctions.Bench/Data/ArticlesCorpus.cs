using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Bench.Data;

/// <summary>Anyone's table: no partitions, and a declaration that leaves everything to the defaults.</summary>
/// <param name="name">Of its declaration.</param>
internal sealed class ArticlesCorpus(string name) : BenchCorpus
{
    public override string Name => name;

    public override string File => DeclarationsFile;

    public override async Task Fill(TestDatabase database, int items, int partitions, int characters)
    {
        await database.Execute("CREATE TABLE articles (id bigint PRIMARY KEY, title text NOT NULL, body text NOT NULL)");
        await using var connection = await database.Source.OpenConnectionAsync();
        await using var import = await connection.BeginBinaryImportAsync("COPY articles (id, title, body) FROM STDIN (FORMAT BINARY)");
        for (var n = 0L; n < items; n++)
        {
            await import.StartRowAsync();
            await import.WriteAsync(n);
            await import.WriteAsync($"title {n}");
            await import.WriteAsync(Words.Text((int)n, characters));
        }

        await import.CompleteAsync();
    }
}
