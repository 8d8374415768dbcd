using System.Text.Json;
using EmbeddingFunctions.App;
using EmbeddingFunctions.App.Durable;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;
using Microsoft.DurableTask;
using Moq;

namespace EmbeddingFunctions.Tests.Durable;

/// <summary>
/// The durable engine at its worst, round the app's orchestrator: after every step it starts anew from the top and feeds what was recorded, as JSON
/// and in the order in which it came. A call that differs from the recorded one, or that is missing, ends the test.
/// </summary>
/// <param name="steps">The app's activities.</param>
/// <param name="seed">Decides which of the steps under way completes next.</param>
internal sealed class DurableHistory(RunSteps steps, int seed)
{
    private readonly Random _random = new(seed);
    private readonly List<Recorded> _recorded = [];
    private DateTime _now = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private int _generation;

    public int Generations => _generation + 1;

    public int Replays { get; private set; }

    /// <summary>Bytes of the largest generation: the names, inputs and outputs of all events, and the orchestration's own input.</summary>
    public int LargestGeneration { get; private set; }

    public string? Status { get; private set; }

    /// <summary>How many activities were asked for.</summary>
    public int Activities { get; private set; }

    /// <summary>Sends the cancel event as soon as this is true of the step just completed.</summary>
    public Func<string, bool>? CancelAfter { get; init; }

    /// <summary>Does an activity in place of the app's.</summary>
    public Func<string, object, object?>? Instead { get; init; }

    public async Task<RunOutcome> Run(RunInput input)
    {
        var generation = JsonSerializer.Serialize(input);
        while (true)
        {
            Replays++;
            var pass = new Pass(this, generation);
            var run = pass.Replay();
            LargestGeneration = Math.Max(LargestGeneration, generation.Length + _recorded.Sum(step => step.Name.Length + step.Input.Length + step.Output.Length));
            if (pass.Next is { } next)
            {
                (generation, _generation) = (JsonSerializer.Serialize(next), _generation + 1);
                _recorded.Clear();
            }
            else if (run.IsCompleted)
            {
                return (await run)!;
            }
            else
            {
                await CompleteOne(pass);
            }
        }
    }

    private async Task CompleteOne(Pass pass)
    {
        var open = Enumerable.Range(0, pass.Asked.Count).Where(call => _recorded.All(step => step.Call != call)).ToList();
        // An event that nobody sends is under way for ever.
        var able = open.Where(call => pass.Asked[call].Name != DurableRunContext.CancelEvent).ToList();
        Assert.NotEmpty(able);
        var call = able[_random.Next(able.Count)];
        var asked = pass.Asked[call];
        if (asked.Name == Pass.Timer)
        {
            _now = DateTime.Parse(asked.Input, null, System.Globalization.DateTimeStyles.RoundtripKind);
        }

        _recorded.Add(new Recorded(call, asked.Name, asked.Input, asked.Name == Pass.Timer ? "" : await Do(asked), _now));
        if (CancelAfter?.Invoke(asked.Name) == true && open.FirstOrDefault(other => pass.Asked[other].Name == DurableRunContext.CancelEvent, -1) is >= 0 and var cancel)
        {
            _recorded.Add(new Recorded(cancel, DurableRunContext.CancelEvent, "", "\"cancelled\"", _now));
        }
    }

    private async Task<string> Do(Asked asked)
    {
        Activities++;
        T Input<T>() => JsonSerializer.Deserialize<T>(asked.Input)!;
        object Typed() => asked.Name switch
        {
            nameof(RunActivities.PlanPage) => Input<PlanPage>(),
            nameof(RunActivities.EmbedBatch) => Input<EmbedBatch>(),
            nameof(RunActivities.CloseRun) => Input<CloseRun>(),
            _ => Input<RunInput>(),
        };
        if (Instead?.Invoke(asked.Name, Typed()) is { } answer)
        {
            return JsonSerializer.Serialize(answer);
        }

        return asked.Name switch
        {
            nameof(RunActivities.StartRun) => JsonSerializer.Serialize(await steps.StartRun(Input<RunInput>(), default)),
            nameof(RunActivities.OpenRun) => JsonSerializer.Serialize(await steps.OpenRun(Input<RunInput>(), default)),
            nameof(RunActivities.PlanPage) => JsonSerializer.Serialize(await steps.PlanPage(Input<PlanPage>(), default)),
            nameof(RunActivities.EmbedBatch) => JsonSerializer.Serialize(await steps.EmbedBatch(Input<EmbedBatch>(), default)),
            _ => JsonSerializer.Serialize(await steps.CloseRun(Input<CloseRun>(), default)),
        };
    }

    private sealed record Recorded(int Call, string Name, string Input, string Output, DateTime At);

    internal sealed record Asked(string Name, string Input, Action<string> Complete);

    /// <summary>One pass over the orchestrator with what was recorded so far.</summary>
    private sealed class Pass
    {
        public const string Timer = "timer";

        private readonly DurableHistory _history;
        private readonly Mock<TaskOrchestrationContext> _context = new(MockBehavior.Strict);
        private readonly Turns _turns = new();
        private int _ids;
        private DateTime _now;

        public Pass(DurableHistory history, string input)
        {
            _history = history;
            _now = history._recorded.Count == 0 ? history._now : history._recorded[0].At;
            _context.SetupGet(c => c.CurrentUtcDateTime).Returns(() => _now);
            _context.Setup(c => c.GetInput<RunInput>()).Returns(() => JsonSerializer.Deserialize<RunInput>(input));
            _context.Setup(c => c.NewGuid()).Returns(() => new Guid(++_ids, (short)history._generation, 0, new byte[8]));
            _context.Setup(c => c.SetCustomStatus(It.IsAny<object?>())).Callback((object? status) => history.Status = (string?)status);
            _context.Setup(c => c.ContinueAsNew(It.IsAny<object?>(), It.IsAny<bool>())).Callback((object? next, bool _) => Next = (RunInput)next!);
            _context.Setup(c => c.WaitForExternalEvent<string>(It.IsAny<string>(), It.IsAny<CancellationToken>()))
                .Returns((string name, CancellationToken _) => Ask<string>(name, "", default));
            _context.Setup(c => c.CreateTimer(It.IsAny<DateTime>(), It.IsAny<CancellationToken>()))
                .Returns((DateTime at, CancellationToken cancelled) => Ask<object?>(Timer, at.ToString("O"), cancelled));
            Answer<DateTimeOffset>();
            Answer<OpenedRun>();
            Answer<PlannedPage>();
            Answer<EmbeddedBatch>();
            Answer<RunOutcome>();
        }

        public List<Asked> Asked { get; } = [];

        public RunInput? Next { get; private set; }

        public Task<RunOutcome?> Replay()
        {
            Task<RunOutcome?>? run = null;
            _turns.Take(() => run = RunOrchestrator.RunAsync(_context.Object));
            foreach (var step in _history._recorded)
            {
                Assert.True(step.Call < Asked.Count, $"The replay has not asked for {step.Name}, which had completed before.");
                Assert.Equal((step.Name, step.Input), (Asked[step.Call].Name, Asked[step.Call].Input));
                _now = step.At;
                _turns.Take(() => Asked[step.Call].Complete(step.Output));
            }

            return run!;
        }

        private void Answer<T>() => _context
            .Setup(c => c.CallActivityAsync<T>(It.IsAny<TaskName>(), It.IsAny<object?>(), It.IsAny<TaskOptions?>()))
            .Returns((TaskName name, object? input, TaskOptions? options) =>
            {
                Assert.Same(Retry.Activity, options);
                return Ask<T>(name.Name, JsonSerializer.Serialize(input, input!.GetType()), default);
            });

        private Task<T> Ask<T>(string name, string input, CancellationToken cancelled)
        {
            var result = new TaskCompletionSource<T>();
            cancelled.Register(() => result.TrySetCanceled(cancelled));
            Asked.Add(new Asked(name, input, output => result.TrySetResult(output.Length == 0 ? default! : JsonSerializer.Deserialize<T>(output)!)));
            return result.Task;
        }
    }
}
