using EmbeddingFunctions.Batches;

namespace EmbeddingFunctions.Runs;

/// <summary>Keeps batches in flight, a few of each partition, and plans the next page while they are.</summary>
internal sealed class FanOut(IRunContext context, RunInput input)
{
    // A provider that is away this often in a row, two minutes each at the most, is not coming back within this run.
    private const int MaxFruitlessPauses = 20;

    // While others work on what is left, how often to look whether they have done it.
    private static readonly TimeSpan _lookAgain = TimeSpan.FromSeconds(5);

    private readonly OthersPartitions _others = new();
    private readonly Lanes _lanes = new(input.Request.Concurrency, input.Opened!.LanesPerPartition);
    private Task<PlannedPage>? _planning;
    private RunInput _input = input;
    private int _pages;
    private bool _nothingPlanned;
    private bool _sawAll;
    private DateTimeOffset? _heldUntil;
    private DateTimeOffset? _pausedUntil;
    private string? _pauseReason;

    /// <summary>Why it stopped before all was done, or null.</summary>
    public string? StopReason { get; private set; }

    /// <summary>Whether another execution must go on.</summary>
    public bool HasMore { get; private set; }

    private int Remaining => (_input.Request.Limit ?? int.MaxValue) - _input.Counts.Claimed - _lanes.Items;

    /// <returns>The input with the counts and the cursor so far.</returns>
    public async Task<RunInput> Run()
    {
        try
        {
            while (await Step())
            {
            }
        }
        catch
        {
            await _lanes.Settle();
            throw;
        }

        return _input;
    }

    private async Task<bool> Step()
    {
        if (StopReason is null && _pausedUntil is null)
        {
            StartBatches();
            PlanAhead();
        }

        if (_planning is null && !_lanes.HasInFlight)
        {
            return await Rest();
        }

        await Task.WhenAny(_lanes.InFlight.Concat(_planning is null ? [] : [(Task)_planning]));
        if (_planning?.IsCompleted == true)
        {
            Accept(await _planning);
            _planning = null;
        }

        foreach (var (batch, task) in _lanes.TakeCompleted())
        {
            Accept(batch.Partition, await task);
        }

        return true;
    }

    private void StartBatches()
    {
        while (_lanes.Next() is { } batch)
        {
            var order = new EmbedBatch(
                _input.RunId, context.NewId(), _input.Request.Corpus, batch.Kind, batch.Partition, batch.Count, _input.Opened!.ForceBefore,
                _input.Request.IsScheduled, _input.Request.Selection)
            {
                BatchSize = batch.Size,
            };
            _lanes.Start(batch, context.Call(RunActivities.EmbedBatch, order));
            // A partition that has all its batches in flight may be planned again.
            _nothingPlanned &= _lanes.IsQueued(batch.Partition);
        }
    }

    private void PlanAhead()
    {
        if (_planning is null && !_nothingPlanned && !_lanes.HasWork && _pages < _input.Request.PagesPerExecution && Remaining > 0)
        {
            _pages++;
            var queued = _lanes.Queued();
            var busy = queued.Union(_others.All).ToList();
            _sawAll = queued.Count == 0 && !_lanes.HasInFlight;
            _others.PlanBegins();
            _planning = context.Call(RunActivities.PlanPage, new PlanPage(_input, _input.Cursor, busy, Remaining));
        }
    }

    // Nothing is in flight: wait out a pause or others' claims, look once more, or be done.
    private async Task<bool> Rest()
    {
        if (StopReason is not null)
        {
            return false;
        }

        if ((_pausedUntil ?? _heldUntil ?? (_others.Any ? context.Now + _lookAgain : null)) is { } until)
        {
            context.Report(
                Progress(
                    _pausedUntil is null ? "waiting for items that another worker holds" : $"waiting for the provider: {_pauseReason}"));
            await context.WaitUntil(until);
            context.Report(Progress(null));
            (_pausedUntil, _heldUntil, _nothingPlanned) = (null, null, false);
            _others.Forget();
        }

        HasMore = _pages >= _input.Request.PagesPerExecution && Remaining > 0 && !_nothingPlanned;
        return !HasMore && !_nothingPlanned && Remaining > 0;
    }

    private void Accept(PlannedPage page)
    {
        if (page.Cancelled)
        {
            throw new OperationCanceledException("The run is no longer wanted.");
        }

        _input = _input with { Cursor = page.Cursor };
        _lanes.Add(page.Batches);
        _others.Planned(page);
        _heldUntil = page.HeldUntil;
        // An empty page says that all is done only if nothing was hidden from it; else it is looked for again when all has landed.
        _nothingPlanned = page.Batches.Count == 0 && (_sawAll || _lanes.HasInFlight);
    }

    private void Accept(string partition, EmbeddedBatch batch)
    {
        _others.Ended(partition, batch);
        _input = _input with
        {
            Counts = _input.Counts + batch.Counts,
            FruitlessPauses = batch.Counts.Processed > 0 ? 0 : _input.FruitlessPauses
        };
        if (batch.RetryAt is { } retryAt)
        {
            _input = _input with { FruitlessPauses = _input.FruitlessPauses + (_pausedUntil is null ? 1 : 0) };
            (_pausedUntil, _pauseReason) = (retryAt > _pausedUntil ? retryAt : _pausedUntil ?? retryAt, batch.RetryReason);
        }

        StopReason ??= batch.Stop
            ?? (_input.FruitlessPauses >= MaxFruitlessPauses ? $"the provider stayed away: {batch.RetryReason}" : null);
        // What this batch gave back, or what was edited under it, is there to be planned.
        _nothingPlanned &= _lanes.HasInFlight;
        context.Report(Progress(null));
    }

    private RunProgress Progress(string? note) => new(_input.Counts, _input.Opened!.ItemsTotal, note);
}
