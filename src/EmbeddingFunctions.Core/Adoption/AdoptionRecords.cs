using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Adoption;

/// <summary>The rows of <c>embedding.adoptions</c>: what was adopted, from where, and when.</summary>
internal sealed class AdoptionRecords(NpgsqlDataSource database)
{
    /// <summary>
    /// An adoption of the same vectors that was stopped, which then goes on; else one that begins at this moment, and is not recorded yet.
    /// </summary>
    /// <exception cref="Corpora.DatabaseNotReadyException">An earlier version of the program migrated the database.</exception>
    public async Task<StartedAdoption> Begin(
        ResolvedCorpus corpus, ResolvedTable table, AdoptionSource source, CancellationToken cancellation)
    {
        try
        {
            var found = await database.QueryAsync(
                $"""
                SELECT adopted_at, snapshot::text, true FROM embedding.adoptions
                WHERE  finished_at IS NULL AND (corpus, kind, source, rule) =
                       ({corpus.Corpus.Name}, {table.Kind}, {source.Name}, {table.Rule.Id})
                UNION ALL
                SELECT clock_timestamp(), {AdoptionFence.Snapshot(table)}, false
                ORDER  BY 3 DESC LIMIT 1
                """,
                row => (At: row.GetFieldValue<DateTimeOffset>(0), Snapshot: row.GetString(1)), cancellation);
            return new StartedAdoption(corpus, table, source, found[0].At, found[0].Snapshot);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            throw new Corpora.DatabaseNotReadyException(
                $"An earlier version of this program migrated the database: run 'embeddings migrate {corpus.Corpus.Name}' first.");
        }
    }

    public Task Record(StartedAdoption adoption, CancellationToken cancellation) => database.ExecuteAsync(
        $"""
        INSERT INTO embedding.adoptions (corpus, kind, adopted_at, source, model, rule, snapshot)
        VALUES ({adoption.Corpus.Corpus.Name}, {adoption.Table.Kind}, {adoption.AdoptedAt}, {adoption.Source.Name},
                {adoption.Table.Rule.Model}, {adoption.Table.Rule.Id}, {adoption.Snapshot}::pg_snapshot)
        ON CONFLICT DO NOTHING
        """,
        cancellation);

    public Task Finish(StartedAdoption adoption, CancellationToken cancellation) => database.ExecuteAsync(
        $"UPDATE embedding.adoptions SET finished_at = clock_timestamp() WHERE {Is(adoption)}", cancellation);

    /// <summary>All of a corpus, the newest first.</summary>
    public Task<List<RecordedAdoption>> List(string corpus, CancellationToken cancellation) => IfThere(
        () => database.QueryAsync(
            $"""
            SELECT kind, source, model, vectors, adopted_at, finished_at FROM embedding.adoptions
            WHERE  corpus = {corpus} ORDER BY adopted_at DESC
            """,
            row => new RecordedAdoption(
                row.GetString(0), row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetFieldValue<DateTimeOffset>(4),
                row.IsDBNull(5) ? null : row.GetFieldValue<DateTimeOffset>(5)),
            cancellation),
        []);

    /// <summary>Removes those of a corpus.</summary>
    public Task Forget(string corpus, CancellationToken cancellation) => IfThere(
        () => database.ExecuteAsync($"DELETE FROM embedding.adoptions WHERE corpus = {corpus}", cancellation), 0);

    // Where an earlier version of the program migrated the database there is no table; a role may not have been granted it yet.
    private static async Task<T> IfThere<T>(Func<Task<T>> ask, T otherwise)
    {
        try
        {
            return await ask();
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InsufficientPrivilege)
        {
            return otherwise;
        }
    }

    /// <summary>The condition on the adoption's row.</summary>
    public static SqlText Is(StartedAdoption adoption) =>
        $"""
        (corpus, kind, adopted_at) = ({adoption.Corpus.Corpus.Name}, {adoption.Table.Kind}, {adoption.AdoptedAt})
        """;
}

/// <summary>Vectors that a kind takes over.</summary>
/// <param name="AdoptedAt">When it began: the time of each of its vectors.</param>
/// <param name="Snapshot">What had been written by then, see <see cref="AdoptionFence"/>.</param>
internal sealed record StartedAdoption(
    ResolvedCorpus Corpus, ResolvedTable Table, AdoptionSource Source, DateTimeOffset AdoptedAt, string Snapshot);

/// <summary>Vectors of another program that were taken over.</summary>
/// <param name="Kind">For which kind.</param>
/// <param name="Source">The column that they were in, with its database where that is another one.</param>
/// <param name="Model">Which model they are of.</param>
/// <param name="Vectors">How many.</param>
/// <param name="AdoptedAt">When it began. An item with an adopted vector has this as the time of its vector.</param>
/// <param name="FinishedAt">Null: it was stopped, and goes on when the command is run again.</param>
public sealed record RecordedAdoption(
    string Kind, string Source, string Model, long Vectors, DateTimeOffset AdoptedAt, DateTimeOffset? FinishedAt);
