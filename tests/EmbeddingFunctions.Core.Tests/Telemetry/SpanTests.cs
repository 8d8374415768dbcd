using System.Collections.Concurrent;
using System.Diagnostics;
using EmbeddingFunctions.Core.Tests.Runs;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Telemetry;

/// <summary>The spans of a run: its batches, their claims, calls and writes, and the requests to the provider.</summary>
public sealed class SpanTests : RunTest
{
    private readonly ConcurrentBag<Activity> _spans = [];

    [Fact]
    public async Task A_run_is_one_trace_of_batches_and_what_each_did()
    {
        await Workspace.Items(await Workspace.Repository(), 50);
        using var listener = Listen();

        var outcome = await Engine.Run();

        var spans = Of(outcome);
        var run = Assert.Single(spans, span => span.OperationName == "run");
        Assert.Equal(("workspace", "completed", 50), (
            run.GetTagItem("embedding.corpus"), run.GetTagItem("embedding.run.status"), run.GetTagItem("embedding.items.embedded")));
        var batches = spans.Where(span => span.OperationName == "batch").ToList();
        Assert.All(batches, batch => Assert.Equal(run.SpanId, batch.ParentSpanId));
        Assert.Equal(50, batches.Sum(batch => (int)batch.GetTagItem("embedding.items.embedded")!));
        Assert.All(batches.Where(batch => (int)batch.GetTagItem("embedding.items.claimed")! > 0), batch => Assert.Equal(
            ["call", "claim", "write"], spans.Where(span => span.ParentSpanId == batch.SpanId).Select(span => span.OperationName).Order()));
    }

    [Fact]
    public async Task A_request_has_the_attributes_of_the_GenAI_conventions()
    {
        await Workspace.Items(await Workspace.Repository(), 3);
        using var listener = Listen();

        var outcome = await Engine.Run();

        var spans = Of(outcome);
        var request = Assert.Single(spans, span => span.Kind == ActivityKind.Client);
        var (name, server) = ("embeddings text-embedding-3-small", new Uri(Fake.BaseUrl));
        Assert.Equal((name, "call"), (request.DisplayName, spans.Single(span => span.SpanId == request.ParentSpanId).OperationName));
        Assert.Equal(
            [
                "gen_ai.embeddings.dimension.count: 384", "gen_ai.operation.name: embeddings", "gen_ai.provider.name: openai",
                "gen_ai.request.model: text-embedding-3-small", $"gen_ai.usage.input_tokens: {outcome.Counts.Tokens}",
                $"server.address: {server.Host}", $"server.port: {server.Port}",
            ],
            request.TagObjects.Select(tag => $"{tag.Key}: {tag.Value}").Order());
    }

    [Fact]
    public async Task A_failure_is_told_by_its_type_and_without_a_secret()
    {
        await Workspace.Items(await Workspace.Repository(), 1);
        Fake.Script(Requests.All, Fault.BadKey());
        using var listener = Listen();

        var outcome = await Engine.Run();

        var spans = Of(outcome);
        Assert.Equal(RunStatus.Failed, outcome.Status);
        Assert.Equal(
            ["batch", "call", "embeddings", "run"],
            spans.Where(span => span.Status == ActivityStatusCode.Error).Select(span => span.OperationName.Split(' ')[0])
                .Distinct().Order());
        Assert.DoesNotContain(spans, span => span.TagObjects.Select(tag => $"{tag.Value}").Append($"{span.StatusDescription}")
            .Any(text => text.Contains(Fake.ApiKey, StringComparison.Ordinal)));
    }

    // The listener hears all runs of this process.
    private List<Activity> Of(RunOutcome outcome)
    {
        var run = _spans.Single(span => span.OperationName == "run" && (string?)span.GetTagItem("embedding.run.id") == $"{outcome.RunId}");
        return _spans.Where(span => span.TraceId == run.TraceId).ToList();
    }

    private ActivityListener Listen()
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "EmbeddingFunctions",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _spans.Add,
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }
}
