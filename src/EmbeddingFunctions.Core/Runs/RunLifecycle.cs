using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Queues;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>Starts, opens and closes a run: each step is idempotent.</summary>
internal sealed class RunLifecycle(
    NpgsqlDataSource database, ResolvedCorpora corpora, RunScope scope, OtherModels models, RunTransitions transitions, RunQueries runs,
    RunJanitor janitor, QueueIntake queue, SourceSweep sweep, PagePlanner planner, RevertedItems revertedItems, ISearchIndexes indexes,
    Ledger ledger, Pauses pauses, Redaction redaction, TimeProvider time)
{
    private static SqlText FindReason(string corpus) =>
        $"""
        SELECT reason
        FROM   embedding.failures
        WHERE  corpus = {corpus}
        ORDER  BY failed_at DESC
        LIMIT  1
        """;

    /// <summary>Takes the run's start slot; a command's run is recorded here, once it is known to be possible.</summary>
    /// <returns>When it may begin, by this machine's clock.</returns>
    public async Task<DateTimeOffset> Start(RunInput run, CancellationToken cancellation)
    {
        var request = run.Request;
        var corpus = await corpora.Get(request.Corpus, cancellation);
        await scope.Check(corpus, request, cancellation);
        await EnsureOneModel(corpus, request, cancellation);
        if (!run.IsRecorded)
        {
            await pauses.EnsureNotPaused(request.Corpus, cancellation);
        }

        await janitor.Tidy(request.Corpus, cancellation);
        await janitor.Tidy(corpus, cancellation);
        if (!run.IsRecorded)
        {
            await transitions.Record(request, run.RunId, RunHost.Command, dueAt: null, cancellation);
        }

        return time.GetUtcNow() + await transitions.TakeStartSlot(run.RunId, corpus.Corpus, cancellation);
    }

    /// <exception cref="DatabaseNotReadyException">
    /// Vectors of another model are in a column that the run would write, and the request does not allow both.
    /// </exception>
    public Task EnsureOneModel(ResolvedCorpus corpus, RunRequest request, CancellationToken cancellation) =>
        request.AllowMixedModels ? Task.CompletedTask : models.EnsureNone(corpus, request.Kinds, cancellation);

    /// <summary>
    /// Looks for changes in sources without triggers, takes requests of the queue, counts what is pending and marks the run as at work.
    /// </summary>
    public async Task<OpenedRun> Open(RunInput run, CancellationToken cancellation)
    {
        var corpus = await corpora.Get(run.Request.Corpus, cancellation);
        var (forceBefore, goesOn) = await transitions.Open(run.RunId, cancellation);
        var done = await runs.Sum(run.RunId, cancellation);
        await sweep.Sweep(corpus, cancellation);
        await queue.Take(corpus, cancellation);
        await queue.Settle(corpus, cancellation);
        var pending = await planner.Count(run, forceBefore, cancellation);
        var total = await transitions.SetItems(run.RunId, pending, done.Processed + done.Failed, cancellation) ?? pending;
        return new OpenedRun(total, corpus.Corpus.LanesPerPartition ?? int.MaxValue, forceBefore, goesOn, done.Claimed > 0 ? done : null);
    }

    /// <summary>Ends the run with what its committed batches say, never with what a process remembers.</summary>
    public async Task<RunOutcome> Close(CloseRun command, CancellationToken cancellation)
    {
        var run = command.Run;
        await ledger.Flush();
        var counts = await runs.Sum(run.RunId, cancellation);
        var stopReason = command.StopReason ?? (command.Cancelled ? null : await Fruitless(command, counts, cancellation));
        var status = command.Cancelled ? RunStatus.Cancelled
            : stopReason is null ? RunStatus.Completed
            : command.IsCapReached ? RunStatus.CapReached : RunStatus.Failed;
        var error = stopReason is not null ? redaction.Clean(stopReason) : command.Cancelled ? "It was interrupted."
            : counts.Processed > 0
                ? await revertedItems.Explain(await corpora.Get(run.Request.Corpus, cancellation), run, cancellation)
                : null;
        var isOthers = command.Cancelled || (command.StopReason is not null && !await corpora.Fits(run.Request.Corpus, cancellation));
        if (isOthers && await transitions.LeaveToOthers(run.RunId, cancellation))
        {
            return new RunOutcome(
                run.RunId, RunStatus.Cancelled, run.Opened?.ItemsTotal ?? 0, counts, "It waits for the next server.", 0, IsLeft: true);
        }

        Checkpoints.Reach(Checkpoint.DuringFinalise);
        var outcome = await transitions.Close(run.RunId, status, error, counts, cancellation)
            ?? new RunOutcome(run.RunId, status, 0, counts, error, 0);
        return outcome with
        {
            LacksIndexes = outcome.Status == RunStatus.Completed && await LacksIndexes(run.Request.Corpus, cancellation),
        };
    }

    private async Task<bool> LacksIndexes(string corpus, CancellationToken cancellation)
    {
        try
        {
            return await indexes.AreToBeBuilt(await corpora.Get(corpus, cancellation), cancellation);
        }
        catch (CorpusException)
        {
            // The run has ended, and the next one says what no longer fits.
            return false;
        }
    }

    // Work was pending, nothing was done, and it is pending still or has failed: that is no success, whatever went quietly.
    private async Task<string?> Fruitless(CloseRun command, BatchCounts counts, CancellationToken cancellation)
    {
        if (counts.Processed > 0 || command.Run.Opened is not { } opened || (opened.ItemsTotal == 0 && counts.Failed == 0))
        {
            return null;
        }

        if (counts.Failed > 0)
        {
            var reason = await database.ScalarAsync<string>(FindReason(command.Run.Request.Corpus), cancellation);
            return $"Nothing was embedded; {counts.Failed} items failed, the last because {reason}";
        }

        // What is pending after another run's work may have come since, and is not what this one found.
        var left = await planner.Count(command.Run, opened.ForceBefore, cancellation);
        return left == 0 || await database.ScalarAsync<bool>(RunQueries.IsForestalled(command.Run.RunId), cancellation) ? null
            : $"Nothing was embedded although {left} items are pending.";
    }
}
