using EmbeddingFunctions.Queues;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Runs;

/// <summary>The next page of a run, or of one that is considered: first takes requests of the queue, then plans.</summary>
internal sealed class RunPages(ResolvedCorpora corpora, QueueIntake queue, PagePlanner planner)
{
    // An empty page says that all is done: requests that came to nothing must hide none behind them. While partitions are busy it is
    // planned again anyway.
    public async Task<PlannedPage> Next(PlanPage command, CancellationToken cancellation)
    {
        var corpus = await corpora.Get(command.Run.Request.Corpus, cancellation);
        PlannedPage page;
        bool hasMore;
        do
        {
            hasMore = await queue.Take(corpus, cancellation);
            page = await planner.Plan(command, cancellation);
        }
        while (page.Batches.Count == 0 && hasMore && command.Busy.Count == 0);

        return page;
    }
}
