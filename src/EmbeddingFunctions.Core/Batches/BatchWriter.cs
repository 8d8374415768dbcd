using EmbeddingFunctions.Storage;
using Npgsql;
using Polly;
using Polly.Retry;

namespace EmbeddingFunctions.Batches;

/// <summary>
/// Writes a batch's results. A row that cannot be written does not prevent the others from being written.
/// </summary>
internal sealed class BatchWriter(VectorStore vectors, FailureStore failures, NpgsqlDataSource database, DatabaseOutages outages)
{
    // The vectors are paid for: some 25 seconds, as long as the claims surely hold, are spent on storing them.
    private const int Retries = 12;
    private static readonly TimeSpan _longestWait = TimeSpan.FromSeconds(3);

    private const string Writing = "the writing of a batch";

    private readonly ResiliencePipeline _again = new ResiliencePipelineBuilder().AddRetry(new RetryStrategyOptions
    {
        ShouldHandle = new PredicateBuilder().Handle<Exception>(WriteFaults.IsTransient),
        MaxRetryAttempts = Retries,
        BackoffType = DelayBackoffType.Exponential,
        Delay = TimeSpan.FromMilliseconds(100),
        MaxDelay = _longestWait,
        UseJitter = true,
        OnRetry = arguments =>
        {
            outages.Failed(Writing, arguments.Outcome.Exception!);
            return default;
        },
    }).Build();

    /// <summary>What was committed for a batch before, by an order that is now repeated; zeros if nothing was.</summary>
    public Task<BatchCounts> Recorded(Guid batchId, CancellationToken cancellation) => BatchRow.Recorded(database, batchId, cancellation);

    /// <returns>The counts as committed.</returns>
    public async Task<BatchCounts> Write(
        Claim claim, Guid batchId, IReadOnlyList<ItemOutcome> outcomes, IReadOnlyList<ItemFailure> failed, BatchCounts counts,
        CancellationToken cancellation)
    {
        var refused = new List<ItemFailure>(failed);
        try
        {
            var recorded = outcomes.Count == 0 ? null : await WriteOrSplit(claim, batchId, outcomes, counts, refused, cancellation);
            if (outcomes.Count > 0)
            {
                outages.Answered(Writing);
            }

            // What was sent is on record though nothing came of it.
            return refused.Count > 0 || (recorded is null && counts.Requests > 0)
                ? await _again.ExecuteAsync(async token => await failures.Record(claim, batchId, refused, counts, token), cancellation)
                : recorded ?? counts;
        }
        catch (PostgresException e)
        {
            // What a trigger of the table's owner raises may repeat a row's text, and the run's error is shown and logged.
            var texts = claim.Items.SelectMany(item => item.Values).ToList();
            throw new PostgresException(
                TextRedaction.Hide(e.MessageText, texts), e.Severity, e.InvariantSeverity, e.SqlState, routine: e.Routine);
        }
    }

    // A constraint or trigger refuses the statement as a whole and names no row: halves find it.
    private async Task<BatchCounts?> WriteOrSplit(
        Claim claim, Guid batchId, IReadOnlyList<ItemOutcome> outcomes, BatchCounts counts, List<ItemFailure> refused,
        CancellationToken cancellation)
    {
        try
        {
            return await _again.ExecuteAsync(async token => await WriteWhatCanBe(claim, batchId, outcomes, counts, token), cancellation);
        }
        catch (PostgresException e) when (WriteFaults.IsOfARow(e) && outcomes.Count == 1)
        {
            refused.Add(
                new ItemFailure(
                    outcomes[0].Item, outcomes[0].Hash, $"the database refused the row: {e.MessageText} ({e.SqlState})", IsDead: false));
            return null;
        }
        catch (PostgresException e) when (WriteFaults.IsOfARow(e))
        {
            var half = outcomes.Count / 2;
            var first = await WriteOrSplit(claim, batchId, outcomes.Take(half).ToList(), counts, refused, cancellation);
            var second = await WriteOrSplit(claim, batchId, outcomes.Skip(half).ToList(), counts, refused, cancellation);
            return second ?? first;
        }
    }

    // A locked row is probably being edited: it stays pending, and the others do not wait for it.
    private async Task<BatchCounts> WriteWhatCanBe(
        Claim claim, Guid batchId, IReadOnlyList<ItemOutcome> outcomes, BatchCounts counts, CancellationToken cancellation)
    {
        try
        {
            return await vectors.Write(claim, batchId, outcomes, counts, cancellation);
        }
        catch (PostgresException e) when (WriteFaults.IsLocked(e))
        {
            return await vectors.WriteUnlocked(claim, batchId, outcomes, counts, cancellation);
        }
    }
}
