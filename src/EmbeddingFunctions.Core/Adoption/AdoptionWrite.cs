using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Adoption;

/// <summary>Writes adopted vectors, each to its item only if that is still what was read and no run has decided on it.</summary>
internal sealed class AdoptionWrite
{
    // A second's work: longer, and a writer of the owner's would wait for its row.
    private const int AtATime = 250;
    private const int AtATimeIntoAnIndex = 50;
    private const int Tries = 5;

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan _patiencePerVector = TimeSpan.FromMilliseconds(250);

    private readonly NpgsqlDataSource _database;
    private readonly AdoptableItems _items;
    private readonly StartedAdoption _adoption;
    private readonly int _atATime;

    private AdoptionWrite(NpgsqlDataSource database, AdoptableItems items, StartedAdoption adoption, int atATime) =>
        (_database, _items, _adoption, _atATime) = (database, items, adoption, atATime);

    /// <summary>Looks how much is written at a time.</summary>
    public static async Task<AdoptionWrite> To(
        NpgsqlDataSource database, AdoptableItems items, StartedAdoption adoption, CancellationToken cancellation)
    {
        var isIndexed = await database.ScalarAsync<bool>(
            $"""
            SELECT EXISTS (
                SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
                WHERE  i.indrelid = {Sql.Literal(adoption.Table.Target.ToString())}::regclass AND m.amname IN ('hnsw', 'ivfflat'))
            """,
            cancellation);
        return new AdoptionWrite(database, items, adoption, isIndexed ? AtATimeIntoAnIndex : AtATime);
    }

    /// <returns>How many were written.</returns>
    public async Task<int> Write(IReadOnlyList<Candidate> candidates, LeftOutTally leftOut, CancellationToken cancellation)
    {
        var all = 0;
        foreach (var part in Parts(candidates.Select(candidate => candidate.Outcome)))
        {
            var (written, refused) = await BisectingWrite.Write(part, some => Again(() => Statement(some, cancellation)), (outcome, _) =>
            {
                leftOut.Add(LeftOutReason.Refused, outcome.Item.Id);
                return Task.CompletedTask;
            });
            leftOut.Add(LeftOutReason.WrittenSince, part.Count - written - refused);
            all += written;
        }

        return all;
    }

    private static async Task<int> Again(Func<Task<int>> write)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await write();
            }
            catch (PostgresException e) when (
                attempt < Tries && e.SqlState is PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure)
            {
                // The statement did nothing, and the rows are read by the next one.
            }
        }
    }

    // As many items as have no more chunks than are written at once, or one.
    private IEnumerable<List<ItemOutcome>> Parts(IEnumerable<ItemOutcome> outcomes)
    {
        var (part, chunks) = (new List<ItemOutcome>(), 0);
        foreach (var outcome in outcomes)
        {
            if (part.Count == _atATime || (part.Count > 0 && chunks + outcome.Chunks.Count > ChunkWrite.Part))
            {
                yield return part;
                (part, chunks) = ([], 0);
            }

            part.Add(outcome);
            chunks += outcome.Chunks.Count;
        }

        if (part.Count > 0)
        {
            yield return part;
        }
    }

    private async Task<int> Statement(IReadOnlyList<ItemOutcome> outcomes, CancellationToken cancellation)
    {
        var (corpus, table) = (_adoption.Corpus, _adoption.Table);
        var chunks = ChunkWrite.Of(outcomes);
        var vectors = new FlatVectors(
            outcomes.Select(outcome => outcome.Vector).Concat(chunks.Select(chunk => chunk.Embedded.Vector)).ToList(), table,
            corpus.Corpus.Dimensions);
        return await _database.ScalarAsync<int>(
            $"""
            WITH input AS (
                SELECT *
                FROM   unnest(
                           {outcomes.Select(o => o.Item.Id).ToArray()}::text[], {outcomes.Select(o => o.Item.Version).ToArray()}::bytea[],
                           {outcomes.Select(o => o.Hash).ToArray()}::text[], {Enumerable.Range(1, outcomes.Count).ToArray()}::int[],
                           {outcomes.Select(o => o.LeftOut).ToArray()}::int[], {outcomes.Select(o => o.Chunks.Count).ToArray()}::int[])
                       AS i (item_id, version, hash, slot, left_out, chunks)
                WHERE  {VectorStore.MarkItemWrite}{table.AndIsCurrent}
            ),
            written AS (
                UPDATE {table.Target} t
                SET    {table.VectorName} = {vectors.Of($"i.slot")}, {Sql.Identifier(table.Own.GeneratedAt)} = {_adoption.AdoptedAt},
                       {Sql.Identifier(table.Own.Model)} = {Sql.Literal(table.Rule.Model)},
                       {table.RuleName} = {Sql.Literal(table.Rule.Id)},
                       {Sql.Identifier(table.Own.Truncated)} = NULLIF(i.left_out, 0),
                       {table.HashName} = i.hash, {table.StateName} = {Sql.Literal(ItemState.Embedded)}
                FROM   input i
                WHERE  {table.Id} {Sql.Is} i.item_id::{table.IdType} AND {table.Version} = i.version AND {_items.Candidates}
                RETURNING i.item_id, {VectorStore.Is(Outcome.Embedded)} AS outcome, i.hash, {table.Vector} AS embedding,
                          {table.Partition} AS partition
            ),
            {(corpus.Corpus.SimilarityCache ? VectorStore.SimilarityCache(table, Sql.Of($"partition")) : Sql.Empty)}
            {ChunkWrite.Replace(table, chunks, outcomes.Count + 1, vectors)}
            recorded AS (
                UPDATE embedding.adoptions SET vectors = vectors + (SELECT count(*) FROM written)
                WHERE  {AdoptionRecords.Is(_adoption)}
            )
            SELECT count(*)::int FROM written
            """,
            cancellation, _patience + (_patiencePerVector * (outcomes.Count + chunks.Count)));
    }
}
