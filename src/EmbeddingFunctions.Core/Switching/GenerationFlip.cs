using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Storage;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions.Switching;

/// <summary>
/// Makes another generation of a corpus the live one, in one transaction. Where vectors are within the rows, no statement sees a table
/// while its columns get other names, and a host that knows the names of before can neither claim nor write.
/// </summary>
internal sealed class GenerationFlip(NpgsqlDataSource database, ResolvedCorpora resolved, ILogger<GenerationFlip> log)
{
    private readonly Inventory _inventory = new(database);
    private readonly LockingStatements _locking = new(database);

    /// <exception cref="DatabaseNotReadyException">
    /// Another process was faster, the next generation is not whole, or something of others is built on the columns of the live one.
    /// </exception>
    public async Task Run(Corpus live, Corpus next, Action<string>? progress, CancellationToken cancellation)
    {
        await using var turn = await MigrationLock.Take(database, progress, cancellation);
        var change = new HandOver(
            await resolved.ResolveRenamed(live, cancellation), await resolved.ResolveRenamed(As(live, isLive: false), cancellation),
            await resolved.ResolveRenamed(next, cancellation), await resolved.ResolveRenamed(As(next, isLive: true), cancellation));
        await EnsureWhole(change, cancellation);
        var recorded = (await _inventory.Of(live.Name, cancellation)).Concat(await _inventory.Of(next.Name, cancellation))
            .ToDictionary(found => found.Key, found => (found.Live, found.Record));
        await EnsureFree(change.Added(recorded).ToList(), next, cancellation);
        await _locking.Run(connection => Flip(connection, change, recorded, cancellation), progress, cancellation);
        await new StepRunner(database, _locking, log).Run(change.Steps(), progress, cancellation);
    }

    /// <returns>What keeps the columns of the live generation from being given to another, as a person reads it.</returns>
    public async Task<IReadOnlyList<string>> Obstacles(ResolvedCorpus live, CancellationToken cancellation) =>
        live.Corpus.Store == Store.Table ? []
            : (await database.ScalarAsync<string[]>(Dependents.Others(live), cancellation) ?? [])
                .Select(other => $"{other}, which is not ours, is built on the columns of the vectors").ToList();

    private static Corpus As(Corpus corpus, bool isLive) => corpus with { Generation = corpus.Generation! with { IsLive = isLive } };

    private static async Task<int> Flip(
        NpgsqlConnection connection, HandOver change, IReadOnlyDictionary<ObjectKey, (string? Live, ObjectRecord Record)> recorded,
        CancellationToken cancellation)
    {
        var views = change.IsWithin ? await Lock(connection, change, cancellation) : [];
        var (live, next) = (change.Live.Corpus.Name, change.Next.Corpus.Name);
        var gone = await connection.ExecuteAsync(
            $"UPDATE embedding.generations SET is_live = false WHERE name = {live} AND is_live", cancellation);
        var come = await connection.ExecuteAsync(
            $"""
            UPDATE embedding.generations SET is_live = true, live_since = now()
            WHERE  name = {next} AND NOT is_live AND removed_at IS NULL
            """,
            cancellation);
        if ((gone, come) != (1, 1))
        {
            throw new DatabaseNotReadyException(
                $"'{change.Live.Corpus.DeclaredName}' was flipped, or a generation of it removed, by another process at this moment: look "
                    + "how it stands.");
        }

        foreach (var statement in Together(change.Statements(recorded)))
        {
            await (statement.StartsWith(Views.Create, StringComparison.Ordinal)
                ? Views.Put(connection, statement, cancellation) : connection.RunScriptAsync(statement, cancellation));
        }

        foreach (var view in views)
        {
            await Remake(connection, view, cancellation);
        }

        return 0;
    }

    // As few as can be, for each is a round trip while the tables are locked: views and SQL functions stand alone.
    private static IEnumerable<string> Together(IEnumerable<string> statements)
    {
        var script = new List<string>();
        foreach (var statement in statements)
        {
            if (
                !statement.StartsWith(Views.Create, StringComparison.Ordinal)
                && !statement.Contains("BEGIN ATOMIC", StringComparison.Ordinal))
            {
                script.Add(statement);
                continue;
            }

            if (script.Count > 0)
            {
                yield return string.Join(";\n", script);
                script.Clear();
            }

            yield return statement;
        }

        // Records come last.
        yield return string.Join(";\n", script);
    }

    private static async Task<string[]> Lock(NpgsqlConnection connection, HandOver change, CancellationToken cancellation)
    {
        await connection.RunScriptAsync($"LOCK TABLE {string.Join(", ", change.Tables)} IN ACCESS EXCLUSIVE MODE", cancellation);
        if (await connection.ScalarAsync<string[]>(Dependents.Others(change.Live), cancellation) is { Length: > 0 } others)
        {
            throw new DatabaseNotReadyException(
                $"{string.Join(", ", others)}: others built this on the columns of '{change.Live.Corpus.DeclaredName}', and it would go on "
                    + "with the old vectors. Drop it, flip, and make it again.");
        }

        await connection.ExecuteAsync(
            $"""
            SELECT pg_catalog.set_config('embeddings.path', pg_catalog.current_setting('search_path'), true),
                   pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)
            """,
            cancellation);
        var views = await connection.ScalarAsync<string[]>(Dependents.Views(change.Live), cancellation) ?? [];
        await connection.ExecuteAsync(
            $"SELECT pg_catalog.set_config('search_path', pg_catalog.current_setting('embeddings.path'), true)", cancellation);
        return views;
    }

    // In the view's place, so that its rights, and what was built on it, stay.
    private static async Task Remake(NpgsqlConnection connection, string view, CancellationToken cancellation)
    {
        try
        {
            await connection.RunScriptAsync(view, cancellation);
        }
        catch (PostgresException e) when (
            e.SqlState is PostgresErrorCodes.InvalidTableDefinition or PostgresErrorCodes.InsufficientPrivilege)
        {
            var name = view[Views.Create.Length..view.IndexOf(" AS ", StringComparison.Ordinal)].Trim();
            throw new DatabaseNotReadyException(
                $"The view {name} reads the column of the vectors, and cannot be made to read that of the next generation "
                    + $"({e.MessageText}): have it select embedding::vector, which has no width, or drop it, flip, and make it again.");
        }
    }

    private async Task EnsureWhole(HandOver change, CancellationToken cancellation)
    {
        var name = change.Next.Corpus.DeclaredName;
        var states = await _inventory.Compare(change.Next.Corpus.Name, CorpusDdl.Objects(change.Next), cancellation);
        // An index for search is built when that pays, or by a person; how fast searches are without it, the gate says.
        var needed = states.Where(state => state is not { Wanted.GraphBytes: not null, Live: null });
        if (change.IsWithin && needed.FirstOrDefault(state => !state.IsRight) is { } wrong)
        {
            throw new DatabaseNotReadyException(
                $"Generation {change.Next.Corpus.Generation!.Number} of '{name}' is not whole: "
                    + $"{wrong.Problem ?? $"{wrong.Wanted.Key} is missing, or is another"}. 'embeddings migrate {name}' puts that right.");
        }
    }

    private async Task EnsureFree(List<SchemaObject> added, Corpus next, CancellationToken cancellation)
    {
        var states = await _inventory.Compare(next.Name, added, cancellation);
        if (states.FirstOrDefault(state => state.IsForeign || state.Other is not null) is { } wrong)
        {
            throw new DatabaseNotReadyException(
                $"{wrong.Wanted.Key} is there, and is not '{next.DeclaredName}''s: rename it, or declare another name, before the flip.");
        }
    }
}
