using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Status;

/// <summary>What is spent, and how the last run of each corpus ended: which failed, and which a cap of dollars has stopped.</summary>
internal sealed class SpendingReport(NpgsqlDataSource database, CorpusSet corpora, CostReport costs)
{
    public async Task<SpendingStatus> Of(CancellationToken cancellation)
    {
        var (spending, runs) = (await costs.Spent(cancellation), await LastRuns(cancellation));
        return new SpendingStatus(
            spending.Today, spending.ThisMonth, spending.MaxPerDay, spending.MaxPerMonth, runs.Any(run => run.IsCapped));
    }

    /// <summary>Of the live generations.</summary>
    public Task<List<EndedRun>> LastRuns(CancellationToken cancellation) => database.QueryAsync(
        RunQueries.FindLastEnded(
            corpora.All.Where(corpus => corpus.Generation is null or { IsLive: true }).Select(corpus => corpus.Name).ToArray()),
        row => new EndedRun(
            Generation.CorpusOf(row.GetString(0)), row.GetGuid(1), row.GetString(2), row.Text(3), row.GetBoolean(4)),
        cancellation);
}

/// <param name="IsCapped">Whether a cap has stopped it that is still in force.</param>
internal sealed record EndedRun(string Corpus, Guid Id, string Status, string? Error, bool IsCapped);
