using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Bench.Data;

internal sealed class PlainCorpus : BenchCorpus
{
    private const string CreateTables =
        """
        CREATE TABLE repositories (
            id integer PRIMARY KEY
        );
        CREATE TABLE documents (
            id            bigint      PRIMARY KEY,
            repository_id integer     NOT NULL,
            title         text        NOT NULL,
            body          text,
            updated_at    timestamptz NOT NULL
        );
        """;

    public override string Name => "plain";

    public override string File => DeclarationsFile;

    public override async Task Fill(TestDatabase database, int items, int partitions, int characters)
    {
        await database.Execute(CreateTables);
        await database.Execute("INSERT INTO repositories SELECT generate_series(0, $1)", partitions - 1);
        await Copy(database, "documents", Enumerable.Range(0, items), n => (long)n, n => n % partitions, characters);
    }
}
