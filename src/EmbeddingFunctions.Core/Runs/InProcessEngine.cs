using System.Runtime.ExceptionServices;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Telemetry;
using Polly;
using Polly.Retry;

namespace EmbeddingFunctions.Runs;

/// <summary>
/// Runs the orchestration inside this process. It keeps nothing: if the process ends, the next run goes on from what Postgres holds.
/// </summary>
internal sealed class InProcessEngine
{
    private const string Beating = "the heartbeat of a run";

    // Half a minute in all: a database that restarts or fails over is waited for.
    private const int Retries = 8;
    private static readonly TimeSpan _longestWait = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan _beat = TimeSpan.FromSeconds(10);

    // After a minute of silence another server may have taken the run up.
    private static readonly TimeSpan _longestSilence = TimeSpan.FromSeconds(45);

    private readonly RunActivities _activities;
    private readonly RunTransitions _transitions;
    private readonly TimeProvider _time;
    private readonly DatabaseOutages _outages;
    private readonly ResiliencePipeline _retry;

    public InProcessEngine(RunActivities activities, RunTransitions transitions, TimeProvider time, DatabaseOutages outages)
    {
        (_activities, _transitions, _time, _outages) = (activities, transitions, time, outages);
        _retry = new ResiliencePipelineBuilder { TimeProvider = time }.AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = new PredicateBuilder().Handle<Exception>(WriteFaults.IsTransient),
            MaxRetryAttempts = Retries,
            BackoffType = DelayBackoffType.Exponential,
            Delay = TimeSpan.FromMilliseconds(500),
            MaxDelay = _longestWait,
            UseJitter = true,
            OnRetry = arguments =>
            {
                outages.Failed("a step of a run", arguments.Outcome.Exception!);
                return default;
            },
        }).Build();
    }

    /// <param name="request">What to run over.</param>
    /// <param name="progress">Is called after every batch.</param>
    /// <exception cref="Corpora.CorpusException">The corpus, a kind or the partition is unknown, or the database is not ready for
    /// it.</exception>
    /// <param name="stopping">No new batches; those in flight end within five seconds or give their items back; the run ends as
    /// cancelled.</param>
    public Task<RunOutcome> Run(RunRequest request, Action<RunProgress>? progress, CancellationToken stopping) =>
        Carry(new RunInput(Guid.CreateVersion7(), request), progress, stopping);

    /// <summary>Runs, or goes on with, a run that may have its row already.</summary>
    public async Task<RunOutcome> Carry(RunInput input, Action<RunProgress>? progress, CancellationToken stopping)
    {
        // In one process there is no history that must stay small, and an activity costs nothing.
        input = input with { Request = input.Request with { PagesPerExecution = int.MaxValue, BatchesPerActivity = null } };
        using var unwanted = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        using var beating = new CancellationTokenSource();
        using var span = RunSpan.Begin(input);
        var beat = Beat(input, unwanted, beating.Token);
        try
        {
            var context = new InProcessContext(_activities, _retry, _time, progress, input.IsRecorded, unwanted.Token);
            RunOutcome? outcome;
            while ((outcome = await RunOrchestration.Run(context, input)) is null)
            {
                input = context.Next!;
            }

            RunSpan.End(span, outcome);
            return outcome;
        }
        catch (ActivityFailedException e) when (e.InnerException is not null)
        {
            span.Failed(e.InnerException);
            // It could not even be begun or closed: the caller gets the reason without its place in the code.
            ExceptionDispatchInfo.Throw(e.InnerException);
            throw;
        }
        finally
        {
            await beating.CancelAsync();
            await beat;
        }
    }

    // A cancellation through any host arrives here.
    private async Task Beat(RunInput run, CancellationTokenSource unwanted, CancellationToken done)
    {
        var heard = _time.GetTimestamp();
        using var timer = new PeriodicTimer(_beat, _time);
        while (true)
        {
            try
            {
                await timer.WaitForNextTickAsync(done);
                var isLost = run.IsRecorded && _time.GetElapsedTime(heard) > _longestSilence;
                if (isLost || await _transitions.Heartbeat(run.RunId, done))
                {
                    await unwanted.CancelAsync();
                }

                heard = _time.GetTimestamp();
                _outages.Answered(Beating);
            }
            catch (OperationCanceledException) when (done.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // The next beat may get through.
                _outages.Failed(Beating, e);
            }
        }
    }
}
