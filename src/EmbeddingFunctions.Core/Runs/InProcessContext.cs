using EmbeddingFunctions.Storage;
using Npgsql;
using Polly;

namespace EmbeddingFunctions.Runs;

/// <summary>The orchestration's view of this process.</summary>
internal sealed class InProcessContext : IRunContext, IDisposable
{
    // What is in flight when a stop is asked for may be paid already: it gets this long to be stored before it is broken off.
    private static readonly TimeSpan _grace = TimeSpan.FromSeconds(5);

    private readonly RunActivities _activities;
    private readonly ResiliencePipeline _retry;
    private readonly TimeProvider _time;
    private readonly Action<RunProgress>? _progress;
    private readonly bool _isRecorded;
    private readonly CancellationToken _stopping;
    private readonly CancellationTokenSource _broken = new();
    private readonly CancellationTokenRegistration _breaking;

    public InProcessContext(
        RunActivities activities, ResiliencePipeline retry, TimeProvider time, Action<RunProgress>? progress, bool isRecorded, CancellationToken stopping)
    {
        (_activities, _retry, _time, _progress, _isRecorded, _stopping) = (activities, retry, time, progress, isRecorded, stopping);
        _breaking = stopping.Register(() => _broken.CancelAfter(_grace));
    }

    public DateTimeOffset Now => _time.GetUtcNow();

    /// <summary>The input of the next execution, if one was asked for.</summary>
    public RunInput? Next { get; private set; }

    public Guid NewId() => Guid.CreateVersion7();

    public async Task<TOutput> Call<TInput, TOutput>(RunActivity<TInput, TOutput> activity, TInput input)
    {
        if (!activity.Closes)
        {
            _stopping.ThrowIfCancellationRequested();
        }

        var token = activity.Closes ? CancellationToken.None : _broken.Token;
        try
        {
            // Somebody waits for the start of a run that is not recorded yet, and is told at once.
            var retry = activity.Opens && !_isRecorded ? ResiliencePipeline.Empty : _retry;
            return await Task.Run(() => retry.ExecuteAsync(async cancellation => await activity.Do(_activities, input, cancellation), token).AsTask(), CancellationToken.None);
        }
        catch (Exception e) when (e is not OperationCanceledException || !token.IsCancellationRequested)
        {
            throw new ActivityFailedException(Explain(e), e);
        }
    }

    private static string Explain(Exception e) => e switch
    {
        PostgresException => e.Message,
        _ when DatabaseFaults.IsTooSlow(e) => DatabaseFaults.TooSlow,
        NpgsqlException => $"the database cannot be reached: {e.Message}",
        _ => e.Message,
    };

    public Task WaitUntil(DateTimeOffset moment)
    {
        var wait = moment - Now;
        return wait > TimeSpan.Zero ? Task.Delay(wait, _time, _stopping) : Task.CompletedTask;
    }

    public void Report(RunProgress report) => _progress?.Invoke(report);

    public void ContinueAsNew(RunInput input) => Next = input;

    public void Dispose()
    {
        _breaking.Dispose();
        _broken.Dispose();
    }
}
