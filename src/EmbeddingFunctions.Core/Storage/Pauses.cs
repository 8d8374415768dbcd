using EmbeddingFunctions.Corpora;
using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>Corpora that a person has paused: no batch of them begins, and what is in flight ends. Searches go on.</summary>
internal sealed class Pauses(NpgsqlDataSource database, TimeProvider time)
{
    // A batch asks before it begins: one statement a second serves all.
    private static readonly TimeSpan _fresh = TimeSpan.FromSeconds(1);

    /// <summary>How long a run waits before it looks again.</summary>
    public static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(5);

    private Seen? _seen;

    /// <summary>What was known within the last second.</summary>
    /// <param name="corpus">By its own name or that of a generation.</param>
    /// <param name="cancellation">Ends the look.</param>
    public async Task<bool> IsPaused(string corpus, CancellationToken cancellation)
    {
        if (_seen is not { } seen || time.GetElapsedTime(seen.At) > _fresh)
        {
            _seen = seen = new Seen(await Paused(cancellation), time.GetTimestamp());
        }

        return seen.Corpora.ContainsKey(Generation.CorpusOf(corpus));
    }

    /// <returns>Since when the corpus is paused; null: it is not.</returns>
    public async Task<DateTimeOffset?> Since(string corpus, CancellationToken cancellation) =>
        (await Paused(cancellation)).TryGetValue(Generation.CorpusOf(corpus), out var since) ? since : null;

    /// <exception cref="DatabaseNotReadyException">It is paused.</exception>
    public async Task EnsureNotPaused(string corpus, CancellationToken cancellation)
    {
        if (await Since(corpus, cancellation) is { } since)
        {
            var name = Generation.CorpusOf(corpus);
            throw new DatabaseNotReadyException(
                $"'{name}' is paused since {since.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC: 'embeddings resume {name}' lets its runs go on.");
        }
    }

    /// <returns>Since when the corpus is paused: a second pause leaves the first as it is.</returns>
    /// <exception cref="DatabaseNotReadyException">The database was not migrated for pauses.</exception>
    public async Task<DateTimeOffset?> Pause(string corpus, CancellationToken cancellation)
    {
        var name = Generation.CorpusOf(corpus);
        try
        {
            await database.ExecuteAsync($"INSERT INTO embedding.pauses (corpus) VALUES ({name}) ON CONFLICT DO NOTHING", cancellation);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName)
        {
            throw new DatabaseNotReadyException($"The database cannot hold a pause yet: run 'embeddings migrate {name}'.");
        }

        _seen = null;
        return await Since(name, cancellation);
    }

    /// <summary>Lets runs go on, and wakes hosts that wait for edits.</summary>
    /// <returns>Whether the corpus was paused.</returns>
    public async Task<bool> Resume(string corpus, CancellationToken cancellation)
    {
        var name = Generation.CorpusOf(corpus);
        if (await Since(name, cancellation) is null)
        {
            return false;
        }

        var woken = await database.ScalarAsync<long>(
            $"""
            WITH resumed AS (DELETE FROM embedding.pauses WHERE corpus = {name} RETURNING corpus)
            SELECT count(pg_notify({WorkNotices.Channel}, corpus)) FROM resumed
            """, cancellation);
        _seen = null;
        return woken > 0;
    }

    private async Task<Dictionary<string, DateTimeOffset>> Paused(CancellationToken cancellation)
    {
        try
        {
            return (await database.QueryAsync(
                $"SELECT corpus, paused_at FROM embedding.pauses",
                row => (row.GetString(0), row.GetFieldValue<DateTimeOffset>(1)), cancellation)).ToDictionary();
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName)
        {
            // A database of an earlier version holds none.
            return [];
        }
    }

    private sealed record Seen(Dictionary<string, DateTimeOffset> Corpora, long At);
}
