using EmbeddingFunctions.Storage;
using Npgsql;
using Polly;

namespace EmbeddingFunctions.Runs;

/// <summary>The orchestration's view of this process.</summary>
internal sealed class InProcessContext(
    RunActivities activities, ResiliencePipeline retry, TimeProvider time, Action<RunProgress>? progress, bool isRecorded,
    CancellationToken stopping) : IRunContext
{
    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>The input of the next execution, if one was asked for.</summary>
    public RunInput? Next { get; private set; }

    public Guid NewId() => Guid.CreateVersion7();

    public async Task<TOutput> Call<TInput, TOutput>(RunActivity<TInput, TOutput> activity, TInput input)
    {
        if (!activity.Closes)
        {
            stopping.ThrowIfCancellationRequested();
        }

        var token = activity.Closes ? CancellationToken.None : stopping;
        try
        {
            // A person waits for the start of a run that is not recorded yet, and gets the error at once.
            var pipeline = activity.Opens && !isRecorded ? ResiliencePipeline.Empty : retry;
            return await Task.Run(
                () => pipeline.ExecuteAsync(async cancellation => await activities.Try(activity, input, cancellation), token).AsTask(),
                CancellationToken.None);
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
        return wait > TimeSpan.Zero ? Task.Delay(wait, time, stopping) : Task.CompletedTask;
    }

    public void Report(RunProgress report) => progress?.Invoke(report);

    public void ContinueAsNew(RunInput input) => Next = input;
}
