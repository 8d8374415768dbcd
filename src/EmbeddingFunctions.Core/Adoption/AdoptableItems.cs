using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Adoption;

/// <summary>The items that may get a vector of another program: pending ones that no run ever decided on.</summary>
internal sealed class AdoptableItems(NpgsqlDataSource database, ResolvedCorpus corpus, ResolvedTable table)
{
    private const int AtATime = 500;

    /// <summary>Items in the order of their ids, with the text and version that they have at this moment.</summary>
    /// <param name="last">The last id of the page before, or null.</param>
    /// <param name="snapshot">What had been written when the adoption began.</param>
    /// <param name="cancellation">Ends the query.</param>
    public Task<List<AdoptableItem>> Page(string? last, string snapshot, CancellationToken cancellation)
    {
        const int FirstText = 3;
        var wasWritten = AdoptionFence.WasWritten(Sql.Raw(table.IsBeside ? "c" : "t"), snapshot);
        return database.QueryAsync(
            $"""
            SELECT {table.Id}::text, {table.Version}, {wasWritten}, {Sql.Join(", ", table.TextColumns)}
            FROM   {From}
            WHERE  {Candidates}{Sql.When(last is not null, $" AND {table.Id} OPERATOR(pg_catalog.>) {last}::{table.IdType}")}
            AND    {ClaimStatements.NotHeld(corpus, table)}
            ORDER  BY {table.Id}
            LIMIT  {AtATime}
            """,
            row => new AdoptableItem(
                row.GetString(0), (byte[])row.GetValue(1), row.GetBoolean(2),
                ItemText.Of(row.Texts(FirstText, table.Template.Columns.Count), table)),
            cancellation, Sql.TimeoutOfCounts);
    }

    /// <summary>Counts the other items, which need no vector or are left to a run.</summary>
    public async Task Count(LeftOutTally leftOut, CancellationToken cancellation)
    {
        var counts = await database.QueryAsync(
            $"""
            SELECT count(*) FILTER (WHERE NOT is_active), count(*) FILTER (WHERE is_active AND NOT is_pending),
                   count(*) FILTER (WHERE is_active AND is_pending AND is_decided),
                   count(*) FILTER (WHERE is_active AND is_pending AND NOT is_decided AND is_held),
                   (SELECT count(*) FROM {table.Table} t WHERE (true{table.DeclaredFilter}) IS NOT TRUE)
            FROM  (SELECT (true {corpus.AndIsActive(table)}) IS TRUE AS is_active, COALESCE({table.Pending}, false) AS is_pending,
                          {table.State} IS NOT NULL AS is_decided, NOT {ClaimStatements.NotHeld(corpus, table)} AS is_held
                   FROM   {table.Target} t WHERE true{table.Filter}) items
            """,
            row => new[]
            {
                (LeftOutReason.InactivePartition, row.GetInt64(0)), (LeftOutReason.Current, row.GetInt64(1)),
                (LeftOutReason.EditedSince, row.GetInt64(2)), (LeftOutReason.Held, row.GetInt64(3)),
                (LeftOutReason.OutsideFilter, row.GetInt64(4)),
            },
            cancellation, Sql.TimeoutOfCounts);
        foreach (var (reason, items) in counts.Single())
        {
            leftOut.Add(reason, items);
        }
    }

    /// <summary>The condition on a row <c>t</c>, for the statement that writes too.</summary>
    public SqlText Candidates => $"{table.Pending} AND {table.State} IS NULL AND NOT {table.IsChanged} {corpus.AndIsActive(table)}";

    // Of a source without triggers the text is read as it was when the sweep looked: a later one is not known to the version.
    private SqlText From => !table.IsBeside ? Sql.Of($"{table.Target} t") : Sql.Of(
        $"""
        {table.Items} t JOIN {table.Target} c ON {CompanionTable.SameKey(table, Sql.Of($"c."), Sql.Of($"t."))}
            {Sql.When(!table.HasTriggers, $"AND c.{CompanionTable.SeenName} = {CompanionTable.Seen(table)}")}
        """);
}

/// <param name="WasWritten">Since the adoption began.</param>
internal sealed record AdoptableItem(string Id, byte[] Version, bool WasWritten, ItemText Text);
