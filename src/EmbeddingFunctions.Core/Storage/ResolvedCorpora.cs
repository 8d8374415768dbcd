using System.Collections.Concurrent;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Texts;
using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>
/// The corpora as this database holds them: resolved once a process, refused if the database was not migrated for this very rule.
/// </summary>
internal sealed class ResolvedCorpora(
    CorpusSet corpora, NpgsqlDataSource database, Catalogue catalogue, SchemaVersion version, IMigrationObstacles obstacles,
    EmbeddingSettings settings, TimeProvider time,
    ITextWindow? window = null)
{
    private static SqlText FindMigrated => $"SELECT DISTINCT corpus FROM embedding.rules";

    private static SqlText FindRules(string corpus) =>
        $"""
        SELECT kind, rule
        FROM   embedding.rules
        WHERE  corpus = {corpus}
        """;

    // Two processes with different declarations would undo each other's vectors, and pay for it, for as long as both run.
    private static readonly TimeSpan _trust = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, (ResolvedCorpus Corpus, long CheckedAt)> _resolved = new();

    /// <exception cref="NotFoundException">It is not declared.</exception>
    /// <exception cref="DatabaseNotReadyException">
    /// The database does not fit it, needs a migration, or others may create what this role calls.
    /// </exception>
    public async Task<ResolvedCorpus> Get(string name, CancellationToken cancellation)
    {
        if (_resolved.TryGetValue(name, out var known) && time.GetElapsedTime(known.CheckedAt) < _trust)
        {
            return known.Corpus;
        }

        var corpus = known.Corpus ?? await Resolve(corpora.Get(name), cancellation);
        await EnsureMigrated(corpus, cancellation);
        // A table of a stranger's by the name of one of ours would have its triggers run with this role's rights.
        await new SearchedSchemas(database).Ensure(corpus, cancellation);
        return _resolved.AddOrUpdate(name, _ => (corpus, time.GetTimestamp()), (_, first) => first with { CheckedAt = time.GetTimestamp() })
            .Corpus;
    }

    /// <summary>Whether the database is, at this moment, not for another declaration or version than this program's.</summary>
    public async Task<bool> Fits(string name, CancellationToken cancellation)
    {
        try
        {
            await EnsureMigrated(
                _resolved.TryGetValue(name, out var known) ? known.Corpus : await Resolve(corpora.Get(name), cancellation), cancellation);
            return true;
        }
        catch (DatabaseNotReadyException e)
        {
            return !e.SuitsAnotherHost;
        }
    }

    /// <summary>Those that this database was migrated for: several are declared, of which a user may want one.</summary>
    /// <exception cref="DatabaseNotReadyException">It was migrated for none.</exception>
    public async Task<IReadOnlyList<Corpus>> Migrated(CancellationToken cancellation)
    {
        var found = await MigratedNames(cancellation);
        var migrated = corpora.All.Where(corpus => found.Contains(corpus.Name)).ToList();
        return migrated.Count > 0 ? migrated
            : corpora.All is [var only] ? [(await Get(only.Name, cancellation)).Corpus]
            : throw NeverMigrated();
    }

    public Task<List<string>> MigratedNames(CancellationToken cancellation) =>
        Read(FindMigrated, reader => reader.GetString(0), cancellation);

    /// <summary>Resolves without asking whether the database was migrated.</summary>
    public async Task<ResolvedCorpus> Resolve(Corpus corpus, CancellationToken cancellation)
    {
        var tables = await catalogue.Find(Catalogue.TablesOf(corpus), cancellation);
        return CorpusResolver.Resolve(corpus, tables, await catalogue.Schemas(cancellation), settings, window);
    }

    /// <summary>Does work; if a statement meets tables that were altered meanwhile, they are resolved again next time.</summary>
    /// <exception cref="DatabaseNotReadyException">What of the database no longer fits, instead of the statement that failed.</exception>
    public async Task<T> Fitting<T>(Func<Task<T>> work, CancellationToken cancellation)
    {
        try
        {
            return await work();
        }
        catch (PostgresException e) when (DatabaseFaults.IsSchemaMismatch(e))
        {
            throw await Misfit(e, cancellation);
        }
    }

    private async Task<DatabaseNotReadyException> Misfit(PostgresException cause, CancellationToken cancellation)
    {
        var names = _resolved.Keys.ToList();
        _resolved.Clear();
        // A session keeps what its functions were planned for.
        database.Clear();
        foreach (var name in names)
        {
            try
            {
                var corpus = await Resolve(corpora.Get(name), cancellation);
                if (await obstacles.Faults(corpus, takeOver: true, cancellation) is { Count: > 0 } faults)
                {
                    return new DatabaseNotReadyException(DeclarationFault.Describe(corpus.Corpus, faults));
                }
            }
            catch (DatabaseNotReadyException e)
            {
                return e;
            }
        }

        return (await MigratedNames(cancellation)).Count == 0 ? NeverMigrated() : new DatabaseNotReadyException(
            $"The database is not as it was migrated: {cause.MessageText}. 'embeddings doctor' says what is missing, 'embeddings migrate "
                + "CORPUS' makes it.");
    }

    private DatabaseNotReadyException NeverMigrated() => new(
        "The database is not ready for any corpus: run 'embeddings migrate CORPUS' first, with one of "
            + $"{string.Join(", ", corpora.All.Select(corpus => corpus.Name))}.");

    // Only a change that alters vectors is refused: a host of another declaration would undo it, and pay for that.
    private async Task EnsureMigrated(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        var name = corpus.Corpus.Name;
        await version.Ensure(name, cancellation);
        var rules = await Rules(name, cancellation);
        if (corpus.Tables.Where(table => !rules.ContainsKey(table.Kind)).Select(table => table.Kind).ToList() is { Count: > 0 } missing)
        {
            // Objects for which a migration would be refused come first.
            var faults = rules.Count > 0 ? []
                : await obstacles.Faults(corpus, takeOver: false, cancellation);
            throw new DatabaseNotReadyException(
                faults.Count > 0 ? DeclarationFault.Describe(corpus.Corpus, faults)
                : rules.Count == 0
                    ? $"The database is not ready for the corpus '{name}': run 'embeddings migrate {name}' first."
                    : $"The database is not ready for {string.Join(", ", missing)} of '{name}': run 'embeddings migrate {name}' first.");
        }

        var changed = corpus.Tables.Where(table => rules[table.Kind] != table.Rule.Id).ToList();
        if (changed.Count == 0)
        {
            return;
        }

        throw new DatabaseNotReadyException(
            await new DeclarationHistory(database).Older(corpus, cancellation)
            ?? $"The rule of {string.Join(", ", changed.Select(t => t.Kind))} in '{name}' is not the one in the database (its text, "
                + "model, dimensions or what becomes of long texts changed; "
                + $"the model is now '{corpus.Model}'): every vector must be looked at, and made again where it would be another. Run "
                + $"'embeddings migrate {name}' if that is what you want.")
        {
            SuitsAnotherHost = true,
        };
    }

    private async Task<Dictionary<string, string>> Rules(string corpus, CancellationToken cancellation) =>
        (await Read(FindRules(corpus), reader => (Kind: reader.GetString(0), Rule: reader.GetString(1)), cancellation))
        .ToDictionary(found => found.Kind, found => found.Rule);

    private async Task<List<T>> Read<T>(SqlText statement, Func<NpgsqlDataReader, T> row, CancellationToken cancellation)
    {
        try
        {
            return await database.QueryAsync(statement, row, cancellation);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName)
        {
            // Never migrated, or by an early version: the caller says what to do.
            return [];
        }
    }
}
