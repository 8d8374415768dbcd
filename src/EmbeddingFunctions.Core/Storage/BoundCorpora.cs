using System.Collections.Concurrent;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>The corpora as this database holds them: bound once a process, refused if <c>migrate</c> has not been run for this rule.</summary>
internal sealed class BoundCorpora(CorpusSet corpora, NpgsqlDataSource database, Catalogue catalogue, EmbeddingSettings settings)
{
    private readonly ConcurrentDictionary<string, BoundCorpus> _bound = new();

    private const string FindRules =
        """
        SELECT kind, rule
        FROM   embedding_rules
        WHERE  corpus = $1
        """;

    /// <exception cref="CorpusException">It is not declared, does not fit the database, or needs a migration.</exception>
    public async Task<BoundCorpus> Get(string name, CancellationToken cancellation)
    {
        if (_bound.TryGetValue(name, out var known))
        {
            return known;
        }

        var bound = await Bind(corpora.Get(name), cancellation);
        await DemandMigrated(bound, cancellation);
        return _bound.GetOrAdd(name, bound);
    }

    /// <summary>Binds without asking whether the database was migrated.</summary>
    public async Task<BoundCorpus> Bind(Corpus corpus, CancellationToken cancellation)
    {
        var tables = await catalogue.Find(Catalogue.TablesOf(corpus), cancellation);
        return CorpusBinder.Bind(corpus, tables, settings.ModelFor(corpus));
    }

    private async Task DemandMigrated(BoundCorpus corpus, CancellationToken cancellation)
    {
        var name = corpus.Corpus.Name;
        var rules = await Rules(name, cancellation);
        if (rules.Count == 0)
        {
            throw new CorpusException($"The database is not ready for the corpus '{name}': run 'embeddings migrate {name}' first.");
        }

        var changed = corpus.Tables.Where(table => rules.GetValueOrDefault(table.Kind) != table.Rule.Id).ToList();
        if (changed.Count > 0)
        {
            throw new CorpusException(
                $"The rule of {string.Join(", ", changed.Select(t => t.Kind))} in '{name}' is not the one in the database (its text, model or dimensions changed; " +
                $"the model is now '{corpus.Model}'): every vector must be made anew. Run 'embeddings migrate {name}' if that is what you want.");
        }
    }

    private async Task<Dictionary<string, string>> Rules(string corpus, CancellationToken cancellation)
    {
        var rules = new Dictionary<string, string>();
        try
        {
            await using var command = database.CreateCommand(FindRules);
            command.Parameters.Add(new() { Value = corpus });
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            while (await reader.ReadAsync(cancellation))
            {
                rules[reader.GetString(0)] = reader.GetString(1);
            }
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            // Never migrated: the caller says what to do.
        }

        return rules;
    }
}
