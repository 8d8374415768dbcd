using System.Collections.Concurrent;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Runs;

/// <summary>Carries runs inside this process, in the background, until it stops; what is open then is left to the next server.</summary>
public sealed class BackgroundEngine(InProcessEngine engine, Redaction redaction, ILogger<BackgroundEngine> log) : IRunEngine, IDisposable
{
    private readonly ConcurrentDictionary<Guid, Carried> _carried = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _lock = new();

    public RunHost Host => RunHost.Server;

    public Task Begin(RunInput run, CancellationToken cancellation)
    {
        lock (_lock)
        {
            if (!_stopping.IsCancellationRequested && !_carried.ContainsKey(run.RunId))
            {
                log.RunBegins(run.RunId, run.Request.Corpus);
                var carried = _carried[run.RunId] = new Carried(_stopping.Token);
                carried.Work = Task.Run(() => Carry(run, carried), CancellationToken.None);
            }
        }

        return Task.CompletedTask;
    }

    public Task Cancel(Guid runId, CancellationToken cancellation)
    {
        lock (_lock)
        {
            return _carried.TryGetValue(runId, out var carried) ? carried.Unwanted.CancelAsync() : Task.CompletedTask;
        }
    }

    public Task<CarriedRun?> Look(Guid runId, CancellationToken cancellation) =>
        Task.FromResult(_carried.TryGetValue(runId, out var carried) ? new CarriedRun(Note: carried.Note) : null);

    /// <summary>No new batches; those in flight end or are given back within five seconds.</summary>
    public async Task Stop()
    {
        Task[] open;
        lock (_lock)
        {
            _ = _stopping.CancelAsync();
            open = _carried.Values.Select(carried => carried.Work).ToArray();
        }

        await Task.WhenAll(open);
    }

    public void Dispose() => _stopping.Dispose();

    private async Task Carry(RunInput run, Carried carried)
    {
        try
        {
            var end = await engine.Carry(run, progress => carried.Note = progress.Note, carried.Unwanted.Token);
            if (end.IsLeft)
            {
                log.RunIsLeft(run.RunId, run.Request.Corpus, end.Counts.Processed);
                return;
            }

            log.RunEnds(run.RunId, run.Request.Corpus, end.Status, end.Counts.Processed, end.ItemsTotal, end.Counts.Failed, end.Counts.Tokens, end.Seconds, end.Error);
        }
        catch (Exception e)
        {
            // It could not even be closed: its row stays open, and falls silent.
            log.RunBreaksOff(run.RunId, run.Request.Corpus, redaction.Clean(e.Message));
        }
        finally
        {
            lock (_lock)
            {
                _carried.Remove(run.RunId, out _);
                carried.Dispose();
            }
        }
    }

    private sealed class Carried(CancellationToken stopping) : IDisposable
    {
        public CancellationTokenSource Unwanted { get; } = CancellationTokenSource.CreateLinkedTokenSource(stopping);

        public Task Work { get; set; } = Task.CompletedTask;

        public string? Note { get; set; }

        public void Dispose() => Unwanted.Dispose();
    }
}
