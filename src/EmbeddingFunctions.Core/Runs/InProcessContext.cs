using Polly;

namespace EmbeddingFunctions.Runs;

/// <summary>The orchestration's view of this process.</summary>
internal sealed class InProcessContext(
    RunActivities activities, ResiliencePipeline retry, TimeProvider time, Action<RunProgress>? progress, CancellationToken stopping) : IRunContext
{
    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>The input of the next execution, if one was asked for.</summary>
    public RunInput? Next { get; private set; }

    public Guid NewId() => Guid.CreateVersion7();

    public async Task<TOutput> Call<TInput, TOutput>(RunActivity<TInput, TOutput> activity, TInput input)
    {
        var token = activity.Closes ? CancellationToken.None : stopping;
        token.ThrowIfCancellationRequested();
        try
        {
            return await Task.Run(() => retry.ExecuteAsync(async cancellation => await activity.Do(activities, input, cancellation), token).AsTask(), CancellationToken.None);
        }
        catch (Exception e) when (e is not OperationCanceledException || !token.IsCancellationRequested)
        {
            throw new ActivityFailedException(e.Message, e);
        }
    }

    public Task WaitUntil(DateTimeOffset moment)
    {
        var wait = moment - Now;
        return wait > TimeSpan.Zero ? Task.Delay(wait, time, stopping) : Task.CompletedTask;
    }

    public void Report(RunProgress report) => progress?.Invoke(report);

    public void ContinueAsNew(RunInput input) => Next = input;
}
