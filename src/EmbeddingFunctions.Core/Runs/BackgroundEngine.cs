using System.Collections.Concurrent;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Runs;

/// <summary>
/// Carries runs inside this process, in the background, until it stops, and logs how they go; what is open then is left to the next server.
/// </summary>
internal sealed class BackgroundEngine(InProcessEngine engine, Redaction redaction, TimeProvider time, ILogger<BackgroundEngine> log)
    : IRunEngine, IDisposable, IAsyncDisposable
{
    private static readonly TimeSpan _tellEvery = TimeSpan.FromSeconds(30);

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

    public Task<EngineRun?> Find(Guid runId, CancellationToken cancellation) =>
        Task.FromResult(_carried.TryGetValue(runId, out var carried) ? new EngineRun(Note: carried.Progress?.Note) : null);

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

    /// <summary>As <see cref="Stop"/>, for an app that has no worker and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        await Stop();
        Dispose();
    }

    private async Task Carry(RunInput run, Carried carried)
    {
        using var ended = new CancellationTokenSource();
        var telling = Tell(run, carried, ended.Token);
        try
        {
            var end = await engine.Carry(run, progress => Take(run, carried, progress), carried.Unwanted.Token);
            if (end.IsLeft)
            {
                log.RunIsLeft(run.RunId, run.Request.Corpus, end.Counts.Processed);
                return;
            }

            var level = end.Status == RunStatus.Failed
                ? LogLevel.Error
                : end.Counts.Failed > 0 || end.Error is not null
                ? LogLevel.Warning
                : LogLevel.Information;
            log.RunEnds(
                level, run.RunId, run.Request.Corpus, end.Status, end.Counts.Processed, end.ItemsTotal, end.Counts.Failed,
                end.Counts.Tokens,
                end.Seconds, end.Error is { } error ? $": {error}" : "");
        }
        catch (Exception e)
        {
            // It could not even be closed: its row stays open, and falls silent.
            log.RunCouldNotBeClosed(run.RunId, run.Request.Corpus, redaction.Clean(e.Message));
        }
        finally
        {
            await ended.CancelAsync();
            await telling;
            lock (_lock)
            {
                _carried.Remove(run.RunId, out _);
                carried.Dispose();
            }
        }
    }

    private void Take(RunInput run, Carried carried, RunProgress progress)
    {
        var isFirst = progress.HasBegun && carried.Progress is not { HasBegun: true };
        carried.Progress = progress;
        if (isFirst)
        {
            log.RunBegins(run.RunId, run.Request.Corpus, progress.ItemsTotal);
        }
    }

    private async Task Tell(RunInput run, Carried carried, CancellationToken ended)
    {
        using var timer = new PeriodicTimer(_tellEvery, time);
        try
        {
            while (await timer.WaitForNextTickAsync(ended))
            {
                if (carried.Progress is { } progress)
                {
                    log.RunProgress(
                        run.RunId, run.Request.Corpus, progress.Counts.Processed, progress.ItemsTotal, progress.Counts.Failed,
                        progress.Note is { } note ? $"; {note}" : "");
                }
            }
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            // The run has ended, which is logged by itself.
        }
    }

    private sealed class Carried(CancellationToken stopping) : IDisposable
    {
        public CancellationTokenSource Unwanted { get; } = CancellationTokenSource.CreateLinkedTokenSource(stopping);

        public Task Work { get; set; } = Task.CompletedTask;

        public RunProgress? Progress { get; set; }

        public void Dispose() => Unwanted.Dispose();
    }
}
