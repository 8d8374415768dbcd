using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>
/// Items that a run settled and that are pending again at once, because a trigger of the owner's changes their text, or sets their
/// changed-at column after the engine's own.
/// </summary>
internal sealed class RevertedItems(NpgsqlDataSource database)
{
    private const int CountedUpTo = 10_000;

    // The engine's own triggers are named so.
    private const string OwnTriggers = "^(zzz_)?embedding_";

    /// <returns>Which trigger does it and what to do, or null.</returns>
    public async Task<string?> Explain(ResolvedCorpus corpus, RunInput run, CancellationToken cancellation)
    {
        var undone = new List<string>();
        foreach (var table in PagePlanner.InScope(corpus, run.Request))
        {
            undone.AddRange(await Find(table, run.RunId, cancellation));
        }

        return undone.Count == 0 ? null : string.Join(' ', undone);
    }

    private async Task<IReadOnlyList<string>> Find(ResolvedTable table, Guid run, CancellationToken cancellation)
    {
        // Later changes are the application's.
        var isTouched = Sql.When(table.ChangedAt is not null, $" OR {table.ChangedAt!} <= {table.GeneratedAt} + interval '5 seconds'");
        var isRewritten = Sql.Of($"{table.State} = {Sql.Literal(ItemState.Rewritten)}");
        var (rewritten, touched, triggers) = (await database.QueryAsync(
            $"""
            SELECT count(*) FILTER (WHERE is_rewritten), count(*) FILTER (WHERE NOT is_rewritten), COALESCE((
                SELECT string_agg(tgname::text, ', ' ORDER BY tgname) FROM pg_catalog.pg_trigger
                WHERE  tgrelid = {table.QuotedName}::regclass AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 16 <> 0
                AND    tgname !~ {OwnTriggers}), 'none of its own that is enabled now')
            FROM  (SELECT {isRewritten} AS is_rewritten FROM {table.Target} t
                   WHERE  {table.Pending} AND {table.SettledBy(run)} AND ({isRewritten}{isTouched})
                   LIMIT  {CountedUpTo}) undone
            """,
            row => (row.GetInt64(0), row.GetInt64(1), row.GetString(2)), cancellation, Sql.TimeoutOfCounts)).Single();
        string Told(long items, string what) =>
            $"{items:N0} {table.Kind} items were settled and are pending again: a trigger of {table.Table} ({triggers}) {what} whenever "
                + "they are written. "
            + "Let it act on the application's columns alone (UPDATE OF …).";
        return [
            .. rewritten > 0 ? [Told(rewritten, "changes their text")] : Array.Empty<string>(),
            .. touched > 0 ? [Told(touched, "says that they changed")] : Array.Empty<string>()];
    }
}
