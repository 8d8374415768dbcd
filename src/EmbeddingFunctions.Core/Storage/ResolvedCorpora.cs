using System.Collections.Concurrent;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Texts;
using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>
/// The corpora as this database holds them: resolved once a process, refused if the database was not migrated for this very rule.
/// </summary>
internal sealed partial class ResolvedCorpora(
    CorpusSet corpora, NpgsqlDataSource database, Catalogue catalogue, SchemaVersion version, IMigrationObstacles obstacles,
    Generations generations, EmbeddingSettings settings, TimeProvider time, ITextWindow? window = null)
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
        if (
            _resolved.TryGetValue(name, out var known) && time.GetElapsedTime(known.CheckedAt) < _trust
            && corpora.All.Any(corpus => IsSame(known.Corpus, corpus)))
        {
            return known.Corpus;
        }

        await generations.Refresh(cancellation);
        var declared = corpora.Get(name);
        var isKnown = known.Corpus is { } last && IsSame(last, declared)
            && last.Declaration == DeclarationHash.Of(declared, last.Model);
        var corpus = isKnown ? known.Corpus! : await Resolve(declared, cancellation);
        await EnsureMigrated(corpus, cancellation);
        // A table of a stranger's by the name of one of ours would have its triggers run with this role's rights.
        await new SearchedSchemas(database).Ensure(corpus, cancellation);
        if (known.Corpus is not null && !isKnown)
        {
            Interlocked.Increment(ref _flips);
        }

        _resolved[name] = (corpus, time.GetTimestamp());
        return corpus;
    }

    /// <summary>Has it resolved again, since its tables are others now.</summary>
    public void Forget(string name) => _resolved.TryRemove(name, out _);

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
        await generations.Refresh(cancellation);
        var found = await MigratedNames(cancellation);
        var migrated = corpora.All.Where(corpus => found.Contains(corpus.Name)).ToList();
        return migrated.Count > 0 ? migrated
            : corpora.All is [var only] ? [(await Get(only.Name, cancellation)).Corpus]
            : throw NeverMigrated(found);
    }

    public Task<List<string>> MigratedNames(CancellationToken cancellation) =>
        Read(FindMigrated, reader => reader.GetString(0), cancellation);

    /// <summary>Resolves without asking whether the database was migrated.</summary>
    public async Task<ResolvedCorpus> Resolve(Corpus corpus, CancellationToken cancellation)
    {
        var tables = await catalogue.Find(Catalogue.TablesOf(corpus), cancellation);
        return CorpusResolver.Resolve(corpus, tables, await catalogue.Schemas(cancellation), settings, window);
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

        var migrated = await MigratedNames(cancellation);
        return migrated.Count == 0 ? NeverMigrated(migrated) : new DatabaseNotReadyException(
            $"The database is not as it was migrated: {cause.MessageText}. 'embeddings doctor' says what is missing, 'embeddings migrate "
                + "CORPUS' makes it.");
    }

    private DatabaseNotReadyException NeverMigrated(IReadOnlyList<string> others)
    {
        var declared = string.Join(", ", corpora.Declared.Select(corpus => corpus.Name));
        return new(others.Count == 0
            ? $"The database is not ready for any corpus: run 'embeddings migrate CORPUS' first, with one of {declared}."
            : $"The database was migrated for {string.Join(", ", others.Order())}, and {corpora.Source} declares {declared}: set "
                + "CORPORA_FILE to the file that declares the former, or run 'embeddings migrate CORPUS' for one of the latter.");
    }
    // Only a change that alters vectors is refused: a host of another declaration would undo it, and pay for that.
    private async Task EnsureMigrated(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        var name = corpus.Corpus.Name;
        await version.Ensure(name, cancellation);
        var rules = await RulesOf(name, cancellation);
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
            ?? await Changed(corpus, changed, cancellation))
        {
            SuitsAnotherHost = true,
        };
    }

    private async Task<string> Changed(ResolvedCorpus corpus, List<ResolvedTable> changed, CancellationToken cancellation)
    {
        var name = corpus.Corpus.DeclaredName;
        var beside = $" 'embeddings switch {name}' does so without a gap in the search.";
        return await new DeclarationHistory(database).Model(corpus.Corpus.Name, cancellation) is { } model && model != corpus.Model
            ? $"The database was migrated for the model {model} of '{name}', and {corpus.Model} is chosen now ({settings.ProviderReason}). "
                + "To keep its vectors, choose provider and model as before (EMBEDDING_PROVIDER, EMBEDDING_MODEL); to make all of them "
                + $"again, run 'embeddings migrate {name}', then 'embeddings backfill {name} --yes-mix'.{beside}"
            : $"The declaration of {string.Join(", ", changed.Select(table => table.Kind))} in '{name}' changed since the database was "
                + "migrated, in its text, its dimensions or how it treats long texts: every vector must be looked at, and made again where "
                + $"it would be another. Run 'embeddings migrate {name}' if that is what you want.{beside}";
    }

    /// <returns>The rules that a corpus was migrated for, by kind.</returns>
    public async Task<Dictionary<string, string>> RulesOf(string corpus, CancellationToken cancellation) =>
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
