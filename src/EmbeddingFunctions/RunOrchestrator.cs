using EmbeddingFunctions.App.Durable;
using EmbeddingFunctions.Runs;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;

namespace EmbeddingFunctions.App;

/// <summary>Core's orchestration on a durable engine.</summary>
internal static class RunOrchestrator
{
    [Function(nameof(RunOrchestrator))]
    public static Task<RunOutcome?> RunAsync([OrchestrationTrigger] TaskOrchestrationContext context) =>
        RunOrchestration.Run(new DurableRunContext(context), context.GetInput<RunInput>()!);
}
