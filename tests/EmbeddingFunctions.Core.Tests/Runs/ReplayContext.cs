using System.Text.Json;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>One pass over the orchestration with what was recorded so far.</summary>
internal sealed class ReplayContext(RunActivities activities, int execution, IReadOnlyList<RecordedStep> history) : IRunContext
{
    private readonly Turns _thread = new();
    private readonly List<(string Name, string Input, Action<string> Complete, Func<Task<string>> Do)> _calls = [];
    private DateTimeOffset _now = DateTimeOffset.UnixEpoch;
    private int _ids;

    public DateTimeOffset Now => _now;

    public RunInput? Next { get; private set; }

    /// <summary>The steps that were asked for and have not completed, each ready to be done.</summary>
    public IReadOnlyList<Func<Task<RecordedStep>>> Pending =>
        Enumerable.Range(0, _calls.Count)
            .Where(call => history.All(step => step.Call != call))
            .Select(
                call =>
                    (Func<Task<RecordedStep>>)(
                        async () => new RecordedStep(call, _calls[call].Name, _calls[call].Input, await _calls[call].Do())))
            .ToList();

    public (bool Done, RunOutcome? Outcome) Replay(RunInput input)
    {
        Task<RunOutcome?>? run = null;
        _thread.Take(() => run = RunOrchestration.Run(this, input));
        foreach (var step in history)
        {
            Assert.True(step.Call < _calls.Count, $"The replay has not asked for {step.Name} yet, which had completed before.");
            Assert.Equal((step.Name, step.Input), (_calls[step.Call].Name, _calls[step.Call].Input));
            _thread.Take(() => _calls[step.Call].Complete(step.Output));
        }

        return run!.IsCompleted ? (true, run.GetAwaiter().GetResult()) : (false, null);
    }

    public Guid NewId() => new(++_ids, (short)execution, 0, new byte[8]);

    public Task<TOutput> Call<TInput, TOutput>(RunActivity<TInput, TOutput> activity, TInput input)
    {
        var json = JsonSerializer.Serialize(input);
        var result = new TaskCompletionSource<TOutput>();
        _calls.Add((activity.Name, json,
            output => result.SetResult(JsonSerializer.Deserialize<TOutput>(output)!),
            async () =>
                JsonSerializer.Serialize(
                    await activity.Do(activities, JsonSerializer.Deserialize<TInput>(json)!, CancellationToken.None))));
        return result.Task;
    }

    public Task WaitUntil(DateTimeOffset time)
    {
        var result = new TaskCompletionSource();
        _calls.Add(("timer", time.ToString("O"), _ => { _now = time; result.SetResult(); }, () => Task.FromResult("")));
        return result.Task;
    }

    public void Report(RunProgress progress)
    {
    }

    public void ContinueAsNew(RunInput input) => Next = input;
}
