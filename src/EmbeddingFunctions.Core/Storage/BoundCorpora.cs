using System.Collections.Concurrent;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage.Migrations;
using EmbeddingFunctions.Texts;
using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>
/// The corpora as this database holds them: bound once a process, refused if the database was not migrated for this very rule.
/// </summary>
internal sealed class BoundCorpora(
    CorpusSet corpora, NpgsqlDataSource database, Catalogue catalogue, EmbeddingSettings settings, TimeProvider time,
    ITextWindow? window = null)
{
    private static SqlText FindMigrated => $"SELECT DISTINCT corpus FROM embedding_rules";

    private static SqlText FindRules(string corpus) =>
        $"""
        SELECT kind, rule, shape
        FROM   embedding_rules
        WHERE  corpus = {corpus}
        """;

    // Two processes with different declarations would undo each other's vectors, and pay for it, for as long as both run.
    private static readonly TimeSpan _trust = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, (BoundCorpus Corpus, long CheckedAt)> _bound = new();

    /// <exception cref="CorpusException">
    /// It is not declared, does not fit the database, needs a migration, or others may create what this role calls.
    /// </exception>
    public async Task<BoundCorpus> Get(string name, CancellationToken cancellation)
    {
        if (_bound.TryGetValue(name, out var known) && time.GetElapsedTime(known.CheckedAt) < _trust)
        {
            return known.Corpus;
        }

        var corpus = known.Corpus ?? await Bind(corpora.Get(name), cancellation);
        await DemandMigrated(corpus, cancellation);
        // A table of a stranger's by the name of one of ours would have its triggers run with this role's rights.
        await new SearchedSchemas(database).Demand(corpus, cancellation);
        return _bound.AddOrUpdate(name, _ => (corpus, time.GetTimestamp()), (_, first) => first with { CheckedAt = time.GetTimestamp() })
            .Corpus;
    }

    /// <summary>Whether the database is, at this moment, not for another declaration or version than this program's.</summary>
    public async Task<bool> Fits(string name, CancellationToken cancellation)
    {
        try
        {
            await DemandMigrated(
                _bound.TryGetValue(name, out var known) ? known.Corpus : await Bind(corpora.Get(name), cancellation), cancellation);
            return true;
        }
        catch (CorpusException e)
        {
            return e is not CorpusMisfitException;
        }
    }

    /// <summary>Those that this database was migrated for: several are declared, of which a user may want one.</summary>
    /// <exception cref="CorpusException">It was migrated for none.</exception>
    public async Task<IReadOnlyList<Corpus>> Migrated(CancellationToken cancellation)
    {
        var found = await MigratedNames(cancellation);
        var migrated = corpora.All.Where(corpus => found.Contains(corpus.Name)).ToList();
        return migrated.Count > 0 ? migrated
            : throw new CorpusException(
                "The database is not ready for any corpus: run 'embeddings migrate CORPUS' first, with one of "
                    + $"{string.Join(", ", corpora.All.Select(corpus => corpus.Name))}.");
    }

    public Task<List<string>> MigratedNames(CancellationToken cancellation) =>
        Read(FindMigrated, reader => reader.GetString(0), cancellation);

    /// <summary>Binds without asking whether the database was migrated.</summary>
    public async Task<BoundCorpus> Bind(Corpus corpus, CancellationToken cancellation)
    {
        var tables = await catalogue.Find(Catalogue.TablesOf(corpus), cancellation);
        return CorpusBinder.Bind(corpus, tables, await catalogue.Schemas(cancellation), settings, window);
    }

    /// <summary>
    /// What to tell instead of a statement that met tables which were altered since they were bound; they are bound again then.
    /// </summary>
    public async Task<CorpusException> Misfit(PostgresException cause, CancellationToken cancellation)
    {
        var names = _bound.Keys.ToList();
        _bound.Clear();
        // A session keeps what its functions were planned for.
        database.Clear();
        foreach (var name in names)
        {
            try
            {
                await Bind(corpora.Get(name), cancellation);
            }
            catch (CorpusException e)
            {
                return e;
            }
        }

        return new CorpusException(
            $"The database is not as it was migrated: {cause.MessageText}. 'embeddings doctor' says what is missing, 'embeddings migrate "
                + "CORPUS' makes it.");
    }

    private async Task DemandMigrated(BoundCorpus corpus, CancellationToken cancellation)
    {
        var name = corpus.Corpus.Name;
        var rules = await Rules(name, cancellation);
        if (rules.Count == 0)
        {
            throw new CorpusException($"The database is not ready for the corpus '{name}': run 'embeddings migrate {name}' first.");
        }

        if (corpus.Tables.Any(table => rules.GetValueOrDefault(table.Kind).Shape != CorpusShape.Id(corpus))
            && await new OlderShapes(database, catalogue).Older(corpus, cancellation) is { } older)
        {
            throw new CorpusMisfitException(older);
        }

        var changed = corpus.Tables.Where(table => rules.TryGetValue(table.Kind, out var found) && found.Rule != table.Rule.Id).ToList();
        if (changed.Count > 0)
        {
            throw new CorpusMisfitException(
                $"The rule of {string.Join(", ", changed.Select(t => t.Kind))} in '{name}' is not the one in the database (its text, "
                    + "model, dimensions or what becomes of long texts changed; " +
                $"the model is now '{corpus.Model}'): every vector must be looked at, and made anew where it would be another. Run "
                    + $"'embeddings migrate {name}' if that is what you want.");
        }

        var shape = CorpusShape.Id(corpus);
        if (corpus.Tables.Any(table => rules.GetValueOrDefault(table.Kind).Shape != shape))
        {
            throw new CorpusMisfitException(
                $"The database was migrated for another declaration of '{name}', or by another version of this program: run 'embeddings "
                    + $"migrate {name}'. Its vectors stay.");
        }
    }

    private async Task<Dictionary<string, (string Rule, string Shape)>> Rules(string corpus, CancellationToken cancellation) =>
        (
            await Read(
                FindRules(corpus), reader => (Kind: reader.GetString(0), Rule: reader.GetString(1), Shape: reader.GetString(2)),
                cancellation))
        .ToDictionary(found => found.Kind, found => (found.Rule, found.Shape));

    private async Task<List<T>> Read<T>(SqlText statement, Func<NpgsqlDataReader, T> row, CancellationToken cancellation)
    {
        try
        {
            return await database.QueryAsync(statement, row, cancellation);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn)
        {
            // Never migrated, or by an early version: the caller says what to do.
            return [];
        }
    }
}
