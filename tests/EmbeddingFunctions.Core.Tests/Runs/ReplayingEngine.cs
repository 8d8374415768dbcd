using System.Text.Json;
using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>
/// Runs the orchestration as a durable engine does at its worst: after every completed step it starts again from the top and feeds
/// the recorded results, as JSON, in the order in which they came. A call that differs from the recorded one ends the test.
/// </summary>
internal sealed class ReplayingEngine(RunActivities activities, int seed)
{
    private readonly Random _random = new(seed);

    public int Replays { get; private set; }

    public int Executions { get; private set; }

    /// <summary>Bytes of the longest history: names, inputs and outputs.</summary>
    public int LongestHistory { get; private set; }

    public async Task<RunOutcome> Run(RunInput input)
    {
        while (true)
        {
            Executions++;
            var history = new List<RecordedStep>();
            var (outcome, next) = await Execute(input, history);
            LongestHistory = Math.Max(LongestHistory, history.Sum(step => step.Name.Length + step.Input.Length + step.Output.Length));
            if (next is null)
            {
                return outcome!;
            }

            input = JsonSerializer.Deserialize<RunInput>(JsonSerializer.Serialize(next))!;
        }
    }

    private async Task<(RunOutcome?, RunInput?)> Execute(RunInput input, List<RecordedStep> history)
    {
        while (true)
        {
            Replays++;
            var context = new ReplayContext(activities, Executions, history);
            var (done, outcome) = context.Replay(input);
            if (done)
            {
                return (outcome, context.Next);
            }

            // Any of the steps under way may complete next, a timer too.
            var pending = context.Pending;
            Assert.NotEmpty(pending);
            history.Add(await pending[_random.Next(pending.Count)]());
        }
    }
}

internal sealed record RecordedStep(int Call, string Name, string Input, string Output);
