using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using EmbeddingFunctions.Core.Tests.Runs;

namespace EmbeddingFunctions.Core.Tests.Telemetry;

/// <summary>The metrics of requests by OpenTelemetry's conventions for GenAI.</summary>
public sealed class GenAiMetricTests : RunTest
{
    [Fact]
    public async Task Requests_and_their_tokens_are_measured()
    {
        await Workspace.Items(await Workspace.Repository(), 50);
        var measured = new ConcurrentBag<(string Instrument, double Value, Dictionary<string, object?> Tags)>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == "EmbeddingFunctions")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        void Add(string name, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
            measured.Add((name, value, new Dictionary<string, object?>(tags.ToArray())));
        listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Add(instrument.Name, value, tags));
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument.Name, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument.Name, value, tags));
        listener.Start();

        var outcome = await Engine.Run();

        // The listener hears all requests of this process; the port is that of this test's provider.
        var port = new Uri(Fake.BaseUrl).Port;
        var mine = measured.Where(one => one.Tags.GetValueOrDefault("server.port") is int of && of == port).ToList();
        var tokens = mine.Where(one => one.Instrument == "gen_ai.client.token.usage").ToList();
        Assert.Equal(Fake.RequestCount, mine.Count(one => one.Instrument == "gen_ai.client.operation.duration"));
        Assert.Equal(outcome.Counts.Tokens, tokens.Sum(one => one.Value));
        Assert.All(tokens, one => Assert.Equal(
            ("embeddings", "openai", "text-embedding-3-small", "input"),
            (one.Tags["gen_ai.operation.name"], one.Tags["gen_ai.provider.name"], one.Tags["gen_ai.request.model"],
                one.Tags["gen_ai.token.type"])));
    }
}
