using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Batches;

/// <summary>Remembers why items failed: in statements of its own, so that a refused write cannot take the reason with it.</summary>
internal sealed class FailureStore(NpgsqlDataSource database, Redaction redaction)
{
    // The wait doubles; a text that changed since the last failure begins anew.
    private const string RecordFailures =
        """
        WITH input AS (
            SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::boolean[]) AS i (item_id, hash, reason, dead)
        ),
        failed AS (
            UPDATE embedding_claims c
            SET    token = NULL, leased_until = NULL, reason = i.reason, failed_at = now(), content_hash = i.hash,
                   attempts = CASE WHEN c.content_hash <> i.hash THEN 1 ELSE c.attempts END,
                   is_dead = i.dead OR (CASE WHEN c.content_hash <> i.hash THEN 1 ELSE c.attempts END) >= $6,
                   retry_at = CASE WHEN i.dead OR (CASE WHEN c.content_hash <> i.hash THEN 1 ELSE c.attempts END) >= $6
                                   THEN 'infinity' ELSE now() + $7 * power(4, c.attempts - 1) END
            FROM   input i
            WHERE  c.token = $1 AND c.item_id = i.item_id
            RETURNING c.item_id, c.is_dead
        ),
        counted AS (
            INSERT INTO embedding_batches AS b (id, run_id, kind, partition, claimed, failed, requests, tokens)
            SELECT $8, $9, $10, $11, $12, count(*), $13, $14 FROM failed
            ON CONFLICT (id) DO UPDATE SET failed = b.failed + EXCLUDED.failed
        )
        SELECT item_id, is_dead FROM failed
        """;

    private static readonly TimeSpan _firstWait = TimeSpan.FromMinutes(1);

    /// <summary>Ends the claims of failed items with their reasons; after three attempts an item is dead until its text changes.</summary>
    /// <returns>How many failures were recorded.</returns>
    public async Task<int> Record(
        Claim claim, Guid batchId, IReadOnlyList<ItemFailure> failures, BatchCounts counts, CancellationToken cancellation)
    {
        var dead = new List<string>();
        var recorded = 0;
        await using (var command = database.CreateCommand(RecordFailures))
        {
            foreach (var value in new object[]
            {
                claim.Token, failures.Select(f => f.Item.Id).ToArray(), failures.Select(f => f.Hash).ToArray(),
                failures.Select(f => redaction.Clean(f.Reason)).ToArray(), failures.Select(f => f.IsDead).ToArray(),
                ClaimStore.MaxAttempts, _firstWait, batchId, claim.RunId, claim.Table.Kind, claim.Partition,
                counts.Claimed, counts.Requests, counts.Tokens,
            })
            {
                command.Parameters.Add(new() { Value = value });
            }

            await using var reader = await command.ExecuteReaderAsync(cancellation);
            while (await reader.ReadAsync(cancellation))
            {
                recorded++;
                if (reader.GetBoolean(1))
                {
                    dead.Add(reader.GetString(0));
                }
            }
        }

        if (dead.Count > 0)
        {
            await Mark(claim, failures.Where(f => dead.Contains(f.Item.Id)).ToList(), cancellation);
        }

        return recorded;
    }

    /// <summary>Takes dead items out of the pending ones: an old vector is not of their text, so it goes. An edit makes them pending again.</summary>
    private async Task Mark(Claim claim, IReadOnlyList<ItemFailure> dead, CancellationToken cancellation)
    {
        var table = claim.Table;
        var mark =
            $"""
            WITH marked AS (
                UPDATE {table.Table} t
                SET    embedding = NULL, embedding_generated_at = clock_timestamp(), embedding_model = NULL,
                       embedding_rule = {Sql.Literal(table.Rule.Id)}, content_hash = '{BoundTable.DeadMark}'
                FROM   unnest($3::text[], $4::bytea[]) AS i (item_id, version)
                WHERE  {table.Id} = i.item_id::{table.IdType} AND {table.Version} = i.version
                RETURNING i.item_id
            )
            UPDATE embedding_claims c
            SET    retry_at = NULL
            FROM   marked m
            WHERE  c.corpus = $1 AND c.kind = $2 AND c.item_id = m.item_id AND c.is_dead
            """;
        try
        {
            await using var command = database.CreateCommand(mark);
            foreach (var value in new object[]
            {
                claim.Corpus.Corpus.Name, table.Kind, dead.Select(f => f.Item.Id).ToArray(), dead.Select(f => f.Item.Version).ToArray(),
            })
            {
                command.Parameters.Add(new() { Value = value });
            }

            await command.ExecuteNonQueryAsync(cancellation);
        }
        catch (PostgresException)
        {
            // The row refuses to be written, which may be why it failed: it stays pending, and its claim keeps it waiting.
        }
    }
}
