using EmbeddingFunctions.Batches;

namespace EmbeddingFunctions.Runs;

/// <summary>Keeps batches in flight and plans the next page meanwhile: carries out what <see cref="FanOutState"/> decides.</summary>
internal sealed class FanOut(IRunContext context, RunInput input)
{
    private readonly List<(PlannedBatch Batch, Task<EmbeddedBatch> Task)> _inFlight = [];
    private FanOutState _state = new(input);
    private Task<PlannedPage>? _planning;

    /// <summary>Why it stopped before everything was done, or null.</summary>
    public string? StopReason => _state.StopReason;

    /// <summary>Whether it stopped because a cap of dollars is reached.</summary>
    public bool IsCapReached => _state.IsCapReached;

    /// <summary>Whether another execution must go on.</summary>
    public bool HasMore { get; private set; }

    /// <returns>The input with the counts and the cursor so far.</returns>
    public async Task<RunInput> Run()
    {
        try
        {
            var isGoingOn = await Handle(new FanOutEvent.Begun());
            while (isGoingOn)
            {
                await Task.WhenAny(_inFlight.Select(batch => (Task)batch.Task).Concat(_planning is null ? [] : [_planning]));
                foreach (var happened in await Completed())
                {
                    isGoingOn &= await Handle(happened);
                }
            }
        }
        catch
        {
            await Settle();
            throw;
        }

        return _state.Input;
    }

    private async Task<IReadOnlyList<FanOutEvent>> Completed()
    {
        var events = new List<FanOutEvent>();
        if (_planning?.IsCompleted == true)
        {
            events.Add(new FanOutEvent.PagePlanned(await _planning));
            _planning = null;
        }

        foreach (var completed in _inFlight.Where(batch => batch.Task.IsCompleted).ToList())
        {
            _inFlight.Remove(completed);
            events.Add(new FanOutEvent.BatchEnded(completed.Batch, await completed.Task));
        }

        return events;
    }

    /// <returns>Whether the fan-out goes on.</returns>
    private async Task<bool> Handle(FanOutEvent happened)
    {
        while (true)
        {
            (_state, var commands) = _state.On(happened, context.Now);
            if (happened is FanOutEvent.BatchEnded)
            {
                context.Report(Progress(null));
            }

            foreach (var command in commands)
            {
                switch (command)
                {
                    case FanOutCommand.StartBatch(var batch):
                        _inFlight.Add((batch, context.Call(RunActivities.EmbedBatch, Order(batch))));
                        break;
                    case FanOutCommand.PlanPage(var cursor, var busy, var remaining):
                        _planning = context.Call(RunActivities.PlanPage, new PlanPage(_state.Input, cursor, busy, remaining));
                        break;
                    case FanOutCommand.Finish(var hasMore):
                        HasMore = hasMore;
                        return false;
                }
            }

            if (commands is not [FanOutCommand.Wait(var until, var reason)])
            {
                return true;
            }

            context.Report(Progress(reason));
            await context.WaitUntil(until);
            context.Report(Progress(null));
            happened = new FanOutEvent.Waited();
        }
    }

    private EmbedBatch Order(PlannedBatch batch)
    {
        var (run, request) = (_state.Input, _state.Input.Request);
        return new EmbedBatch(
            run.RunId, context.NewId(), request.Corpus, batch.Kind, batch.Partition, batch.Count, run.Opened!.ForceBefore,
            request.IsScheduled, request.Selection)
        {
            BatchSize = batch.Size,
            IsSizeAutomatic = batch.IsSizeAutomatic,
            Inputs = batch.Inputs,
            IsCapped = request.MaxDollars is not null,
        };
    }

    // Waits until nothing is in flight: the first failure has ended the run and is the one to report.
    private async Task Settle()
    {
        foreach (var (_, task) in _inFlight)
        {
            try
            {
                await task;
            }
            catch (Exception e) when (e is ActivityFailedException or OperationCanceledException)
            {
            }
        }
    }

    private RunProgress Progress(string? note) => new(_state.Input.Counts, _state.Input.Opened!.ItemsTotal, note);
}
