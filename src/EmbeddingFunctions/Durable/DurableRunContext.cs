using System.Text.Json;
using EmbeddingFunctions.Runs;
using Microsoft.DurableTask;

namespace EmbeddingFunctions.App.Durable;

/// <summary>The orchestration's view of a durable engine: everything that it does is recorded and replayed.</summary>
internal sealed class DurableRunContext : IRunContext
{
    /// <summary>Wakes a run that is to be cancelled.</summary>
    public const string CancelEvent = "Cancel";

    private readonly TaskOrchestrationContext _context;
    private readonly Task<string> _cancelled;
    private string? _note;

    public DurableRunContext(TaskOrchestrationContext context)
    {
        _context = context;
        _cancelled = context.WaitForExternalEvent<string>(CancelEvent);
    }

    public DateTimeOffset Now => new(DateTime.SpecifyKind(_context.CurrentUtcDateTime, DateTimeKind.Utc));

    public Guid NewId() => _context.NewGuid();

    public async Task<TOutput> Call<TInput, TOutput>(RunActivity<TInput, TOutput> activity, TInput input)
    {
        for (var tries = 1; ; tries++)
        {
            if (!activity.Closes)
            {
                ThrowIfCancelled();
            }

            try
            {
                var output = await _context.CallActivityAsync<TOutput>(activity.Name, input, Retry.Activity);
                return activity.IsValidOutput(output) ? output : throw Garbled(activity.Name);
            }
            catch (TaskFailedException e) when (!Retry.WantsOtherHost(e.FailureDetails) || tries == Retry.OtherHosts)
            {
                throw new ActivityFailedException(e.FailureDetails.ErrorMessage);
            }
            catch (TaskFailedException e)
            {
                // A host that another migration left behind: while a deployment goes on, there are others.
                _context.CreateReplaySafeLogger<DurableRunContext>().WaitsForAnotherHost(activity.Name, e.FailureDetails.ErrorMessage);
            }
            catch (JsonException)
            {
                throw Garbled(activity.Name);
            }

            await WaitForOtherHost(activity.Closes);
        }
    }

    public async Task WaitUntil(DateTimeOffset time)
    {
        ThrowIfCancelled();
        using var woken = new CancellationTokenSource();
        var timer = _context.CreateTimer(time.UtcDateTime, woken.Token);
        if (await Task.WhenAny(timer, _cancelled) == _cancelled)
        {
            // Not CancelAsync: its callbacks run on other threads, which no replay would repeat.
#pragma warning disable CA1849
            woken.Cancel();
#pragma warning restore CA1849
            ThrowIfCancelled();
        }
    }

    // A run's counts are in the database; only what it waits for is not.
    public void Report(RunProgress progress)
    {
        if (progress.Note != _note)
        {
            _note = progress.Note;
            _context.SetCustomStatus(_note);
        }
    }

    public void ContinueAsNew(RunInput input)
    {
        // The event belongs to this execution and would not be seen by the next.
        ThrowIfCancelled();
        _context.ContinueAsNew(input);
    }

    private async Task WaitForOtherHost(bool closes)
    {
        var until = Now + Retry.OtherHostAfter;
        _context.SetCustomStatus("waiting for a host that the database was migrated for");
        await (closes ? _context.CreateTimer(until.UtcDateTime, CancellationToken.None) : WaitUntil(until));
        _context.SetCustomStatus(_note);
    }

    private static ActivityFailedException Garbled(string activity) => new(
        $"The task hub returned something other than the result of {activity}. Two hosts with the same machine name may share the hub: "
        + "give each host a name of its own, or a hub of its own.");

    private void ThrowIfCancelled()
    {
        if (_cancelled.IsCompleted)
        {
            throw new OperationCanceledException("The run is no longer wanted.");
        }
    }
}
