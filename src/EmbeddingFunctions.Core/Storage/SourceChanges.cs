using System.Diagnostics;
using EmbeddingFunctions.Corpora;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>Brings companions and tables of words up to date with the rows that triggers noted as written.</summary>
internal sealed class SourceChanges(NpgsqlDataSource database, ILogger<SourceChanges> log)
{
    private const int Least = 250;
    private const int Most = 16_000;

    // A row of a companion is locked for as long as its part is worked on, and a DELETE of the owner's would wait for it.
    private static readonly TimeSpan _quick = TimeSpan.FromMilliseconds(200);

    /// <summary>Afterwards all that was committed before is pending or gone, but for rows that others are writing.</summary>
    /// <exception cref="DatabaseNotReadyException">The last migration was by an older version.</exception>
    public Task Settle(ResolvedCorpus corpus, CancellationToken cancellation) =>
        Settle(corpus, table => table.Follower, cancellation);

    /// <summary>Afterwards the words of all rows that were committed before are found.</summary>
    /// <exception cref="DatabaseNotReadyException">As of <see cref="Settle(ResolvedCorpus, CancellationToken)"/>.</exception>
    public Task ReadWords(ResolvedCorpus corpus, CancellationToken cancellation) =>
        Settle(corpus, table => table.WordsFollower, cancellation);

    private async Task Settle(ResolvedCorpus corpus, Func<ResolvedTable, RowFollower?> of, CancellationToken cancellation)
    {
        foreach (var follower in corpus.Tables.Select(of).OfType<RowFollower>())
        {
            await Settle(corpus, follower, cancellation);
        }
    }

    private async Task Settle(ResolvedCorpus corpus, RowFollower follower, CancellationToken cancellation)
    {
        var (after, most) = ("(0,0)", Least);
        while (true)
        {
            var begun = Stopwatch.GetTimestamp();
            var last = await Part(corpus, follower, after, most, cancellation);
            if (last is null)
            {
                return;
            }

            after = last;
            most = Math.Clamp(Stopwatch.GetElapsedTime(begun) < _quick ? most * 2 : most / 2, Least, Most);
        }
    }

    private async Task<string?> Part(ResolvedCorpus corpus, RowFollower follower, string after, int most, CancellationToken cancellation)
    {
        try
        {
            return await database.ScalarAsync<string>(
                $"SELECT {Sql.Raw(follower.SettleFunction)}({after}::tid, {most})::text", cancellation, Sql.TimeoutOfCounts);
        }
        catch (PostgresException e) when (WriteFaults.IsTransient(e) || e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            // Another settles the same rows, or their owner deletes them: the next look takes them.
            log.RowsAreLocked(follower.Source.Kind, corpus.Corpus.Name);
            return null;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedFunction)
        {
            throw new DatabaseNotReadyException(
                $"{e.MessageText}: the database was migrated by an older version; run 'embeddings migrate {corpus.Corpus.DeclaredName}'.");
        }
    }
}
