using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>The generations that a database keeps of its corpora.</summary>
internal sealed class Generations(NpgsqlDataSource database, CorpusSet corpora, EmbeddingSettings settings)
{
    // A program runs before the migration that adds the column.
    private static SqlText FindAll =>
        $"""
        SELECT corpus, number, is_live, declaration::text FROM embedding.generations g
        WHERE  to_jsonb(g) ->> 'removed_at' IS NULL
        ORDER  BY corpus, number
        """;

    /// <summary>Statement for the transaction in which a generation was migrated.</summary>
    public static SqlText Record(ResolvedCorpus corpus)
    {
        var generation = corpus.Corpus.Generation ?? new Generation(corpus.Corpus.Name, 1, IsLive: true);
        var declaration = CorpusFile.Write(corpus.Declared with { Name = generation.Corpus, Model = corpus.Model });
        return
            $"""
            INSERT INTO embedding.generations (corpus, number, name, declaration, is_live, live_since)
            VALUES ({Sql.Literal(generation.Corpus)}, {Sql.Literal(generation.Number)}, {Sql.Literal(generation.Name)},
                    {Sql.Literal(declaration)}, {Sql.Raw(generation.IsLive ? "true, now()" : "false, NULL")})
            ON CONFLICT (corpus, number) DO UPDATE SET declaration = EXCLUDED.declaration
            """;
    }

    /// <summary>
    /// Reads them. While a corpus has several, each keeps the declaration that it was made for; a single one takes the declaration at hand.
    /// </summary>
    public async Task Refresh(CancellationToken cancellation)
    {
        var kept = (await Read(cancellation)).ToLookup(found => found.Generation!.Corpus);
        corpora.All = corpora.Declared.SelectMany(corpus => Of(corpus, kept[corpus.Name].ToList())).ToList();
    }

    /// <summary>Those of a corpus, each with the declaration that the database was migrated for last.</summary>
    public async Task<IReadOnlyList<Corpus>> Recorded(string name, CancellationToken cancellation) =>
        (await Read(cancellation)).Where(found => found.Generation!.Corpus == name).ToList();

    /// <summary>The number of the one whose removal was begun, or null.</summary>
    public async Task<int?> Removed(string name, CancellationToken cancellation) => await database.ScalarAsync<int?>(
        $"SELECT number FROM embedding.generations g WHERE corpus = {name} AND to_jsonb(g) ->> 'removed_at' IS NOT NULL", cancellation);

    private IEnumerable<Corpus> Of(Corpus declared, IReadOnlyList<Corpus> kept)
    {
        if (kept.Count == 0)
        {
            return [declared];
        }

        var hash = DeclarationHash.Of(declared, settings.ModelFor(declared));
        return kept.Select(found =>
        {
            var isDeclared = kept.Count == 1 || DeclarationHash.Of(found, found.Model!) == hash;
            return isDeclared ? declared with { Name = found.Name, Generation = found.Generation } : found;
        });
    }

    private async Task<List<Corpus>> Read(CancellationToken cancellation)
    {
        try
        {
            return await database.QueryAsync(
                FindAll,
                row =>
                {
                    var generation = new Generation(row.GetString(0), row.GetInt32(1), row.GetBoolean(2));
                    return CorpusFile.ReadOne(row.GetString(3)) with { Name = generation.Name, Generation = generation };
                },
                cancellation);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName
            or PostgresErrorCodes.InsufficientPrivilege)
        {
            // Never migrated, or by an earlier version; what this role lacks is found with the schema's version.
            return [];
        }
    }
}
