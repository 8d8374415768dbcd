using Npgsql;
using Polly;
using Polly.Retry;

namespace EmbeddingFunctions.Batches;

/// <summary>Brings a batch's results into the database: what is in the way of one row never keeps the others' vectors from being stored.</summary>
internal sealed class BatchWriter(VectorStore vectors, FailureStore failures)
{
    private const int Retries = 3;

    private static readonly ResiliencePipeline _again = new ResiliencePipelineBuilder().AddRetry(new RetryStrategyOptions
    {
        ShouldHandle = new PredicateBuilder().Handle<Exception>(WriteFaults.IsPassing),
        MaxRetryAttempts = Retries,
        BackoffType = DelayBackoffType.Exponential,
        Delay = TimeSpan.FromMilliseconds(100),
        UseJitter = true,
    }).Build();

    /// <returns>The counts as committed.</returns>
    public async Task<BatchCounts> Write(
        Claim claim, Guid batchId, IReadOnlyList<ItemOutcome> outcomes, IReadOnlyList<ItemFailure> failed, BatchCounts counts, CancellationToken cancellation)
    {
        var refused = new List<ItemFailure>(failed);
        if (outcomes.Count > 0)
        {
            counts = await WriteOrSplit(claim, batchId, outcomes, counts, refused, cancellation);
        }

        if (refused.Count > 0)
        {
            var recorded = await _again.ExecuteAsync(async token => await failures.Record(claim, batchId, refused, counts, token), cancellation);
            counts = counts with { Failed = counts.Failed + recorded };
        }

        return counts;
    }

    // A constraint or trigger refuses the statement as a whole and names no row: halves find it.
    private async Task<BatchCounts> WriteOrSplit(
        Claim claim, Guid batchId, IReadOnlyList<ItemOutcome> outcomes, BatchCounts counts, List<ItemFailure> refused, CancellationToken cancellation)
    {
        try
        {
            return await _again.ExecuteAsync(async token => await vectors.Write(claim, batchId, outcomes, counts, token), cancellation);
        }
        catch (PostgresException e) when (WriteFaults.IsOfARow(e) && outcomes.Count == 1)
        {
            refused.Add(new ItemFailure(outcomes[0].Item, outcomes[0].Hash, $"the database refused the row: {e.MessageText} ({e.SqlState})", IsDead: false));
            return counts;
        }
        catch (PostgresException e) when (WriteFaults.IsOfARow(e))
        {
            var half = outcomes.Count / 2;
            var first = await WriteOrSplit(claim, batchId, outcomes.Take(half).ToList(), counts, refused, cancellation);
            var none = new BatchCounts();
            var second = await WriteOrSplit(claim, Guid.CreateVersion7(), outcomes.Skip(half).ToList(), none, refused, cancellation);
            return first + second;
        }
    }
}
