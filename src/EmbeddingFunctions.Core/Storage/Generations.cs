using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>The generations that a database keeps of its corpora.</summary>
internal sealed class Generations(NpgsqlDataSource database, CorpusSet corpora, EmbeddingSettings settings)
{
    private static SqlText FindAll =>
        $"SELECT corpus, number, is_live, declaration::text FROM embedding.generations ORDER BY corpus, number";

    /// <summary>Statement for the transaction in which a generation was migrated.</summary>
    public static SqlText Record(ResolvedCorpus corpus)
    {
        var generation = corpus.Corpus.Generation ?? new Generation(corpus.Corpus.Name, 1, IsLive: true);
        var declaration = CorpusFile.Write(corpus.Corpus with { Name = generation.Corpus, Model = corpus.Model });
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
        var kept = (await Read(cancellation)).ToLookup(found => found.Generation.Corpus);
        corpora.All = corpora.Declared.SelectMany(corpus => Of(corpus, kept[corpus.Name].ToList())).ToList();
    }

    private IEnumerable<Corpus> Of(Corpus declared, IReadOnlyList<(Generation Generation, Corpus Declaration)> kept)
    {
        if (kept.Count == 0)
        {
            return [declared];
        }

        var hash = DeclarationHash.Of(declared, settings.ModelFor(declared));
        return kept.Select(found =>
        {
            var isDeclared = kept.Count == 1 || DeclarationHash.Of(found.Declaration, found.Declaration.Model!) == hash;
            return (isDeclared ? declared : found.Declaration) with { Name = found.Generation.Name, Generation = found.Generation };
        });
    }

    private async Task<List<(Generation Generation, Corpus Declaration)>> Read(CancellationToken cancellation)
    {
        try
        {
            return await database.QueryAsync(
                FindAll,
                row => (new Generation(row.GetString(0), row.GetInt32(1), row.GetBoolean(2)), CorpusFile.ReadOne(row.GetString(3))),
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
