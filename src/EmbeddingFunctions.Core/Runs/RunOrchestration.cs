namespace EmbeddingFunctions.Runs;

/// <summary>A run: take a start slot, plan pages, fan their batches out in lanes until nothing is left, close the job.</summary>
internal static class RunOrchestration
{
    /// <returns>How it ended, or null if it goes on as a new execution.</returns>
    /// <exception cref="ActivityFailedException">It could not be begun or closed; in between, the run ends as failed instead.</exception>
    public static async Task<RunOutcome?> Run(IRunContext context, RunInput input)
    {
        string? stopReason = null;
        var (cancelled, isCapReached) = (false, false);
        var isRecorded = input.IsRecorded;
        try
        {
            var startsAt = input.Opened is null ? await context.Call(RunActivities.StartRun, input) : context.Now;
            isRecorded = true;
            input = await Open(context, input, startsAt);
            var fanOut = new FanOut(context, input);
            input = await fanOut.Run();
            (stopReason, isCapReached) = (fanOut.StopReason, fanOut.IsCapReached);
            if (fanOut.HasMore)
            {
                context.ContinueAsNew(input);
                return null;
            }
        }
        catch (ActivityFailedException e) when (isRecorded)
        {
            stopReason = e.Message;
        }
        catch (OperationCanceledException) when (isRecorded)
        {
            cancelled = true;
        }

        var outcome = await context.Call(RunActivities.CloseRun, new CloseRun(input, stopReason, cancelled, isCapReached));
        return outcome.LacksIndexes ? await BuildIndexes(context, input, outcome) : outcome;
    }

    // The run has ended: whatever becomes of the indexes, its vectors are there.
    private static async Task<RunOutcome> BuildIndexes(IRunContext context, RunInput input, RunOutcome outcome)
    {
        context.Report(new RunProgress(outcome.Counts, outcome.ItemsTotal, "building the indexes for search"));
        try
        {
            var built = await context.Call(RunActivities.BuildIndexes, new BuildIndexes(input.Request.Corpus));
            return outcome with { Error = outcome.Error ?? built.Problem };
        }
        catch (ActivityFailedException e)
        {
            return outcome with { Error = outcome.Error ?? e.Message };
        }
        catch (OperationCanceledException)
        {
            return outcome;
        }
    }

    private static async Task<RunInput> Open(IRunContext context, RunInput input, DateTimeOffset startsAt)
    {
        if (input.Opened is not null)
        {
            return input;
        }

        if (startsAt > context.Now)
        {
            context.Report(new RunProgress(input.Counts, 0, $"waiting for a start slot until {startsAt:HH:mm:ss} UTC", HasBegun: false));
            await context.WaitUntil(startsAt);
            context.Report(new RunProgress(input.Counts, 0, HasBegun: false));
        }

        var opened = await context.Call(RunActivities.OpenRun, input);
        var note = opened is { GoesOn: true, ForceBefore: { } moment }
            ? $"continuing the forced run of {moment:yyyy-MM-dd HH:mm:ss} UTC"
            : null;
        context.Report(new RunProgress(input.Counts, opened.ItemsTotal, note));

        return input with { Opened = opened with { Before = null }, Counts = opened.Before ?? input.Counts };
    }
}
