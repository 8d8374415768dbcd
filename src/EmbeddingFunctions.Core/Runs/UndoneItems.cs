using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>
/// Items that a run settled and that are pending again at once, because a trigger of the owner's sets their changed-at column after the engine's own.
/// </summary>
internal sealed class UndoneItems(NpgsqlDataSource database)
{
    private const int CountedUpTo = 10_000;

    // The engine's own triggers are named so.
    private const string OwnTriggers = "^(zzz_)?embedding_";

    /// <returns>Which trigger does it and what to do, or null.</returns>
    public async Task<string?> Explain(BoundCorpus corpus, RunInput run, CancellationToken cancellation)
    {
        var undone = new List<string>();
        foreach (var table in PagePlanner.InScope(corpus, run.Request).Where(table => table.ChangedAt is not null))
        {
            undone.AddRange(await Find(table, run.RunId, cancellation));
        }

        return undone.Count == 0 ? null : string.Join(' ', undone);
    }

    private async Task<IReadOnlyList<string>> Find(BoundTable table, Guid run, CancellationToken cancellation)
    {
        // Later changes are the application's.
        await using var command = database.CreateCommand(
            $"""
            SELECT count(*), (
                SELECT string_agg(tgname::text, ', ' ORDER BY tgname) FROM pg_catalog.pg_trigger
                WHERE  tgrelid = {Sql.Literal(table.Table)}::regclass AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 16 <> 0
                AND    tgname !~ '{OwnTriggers}')
            FROM  (SELECT FROM {table.Table} t
                   WHERE  {table.Pending} AND {table.SettledBy("$1")} AND {table.ChangedAt} <= t."embedding_generated_at" + interval '5 seconds'
                   LIMIT  {CountedUpTo}) undone
            """);
        command.CommandTimeout = Sql.PatienceOfCounts;
        command.Parameters.Add(new() { Value = run });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        await reader.ReadAsync(cancellation);
        return reader.GetInt64(0) is var items && items > 0 && !reader.IsDBNull(1)
            ? [$"{items:N0} {table.Kind} items were settled and are pending again: a trigger of {table.Table} ({reader.GetString(1)}) "
                + "says that they changed whenever they are written. Let it act on the application's columns alone (UPDATE OF …)."]
            : [];
    }
}
