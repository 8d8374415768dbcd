using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>The variables of OpenTelemetry switch its export on, as a collector on this machine receives it.</summary>
public sealed class TelemetryTests() : SampleProgramTest("clips")
{
    [Fact]
    public async Task A_backfill_sends_its_spans_and_metrics_to_the_collector_that_the_environment_names()
    {
        using var collector = new Collector();
        Collect(collector.Address);

        (await Backfill()).Exits(0);

        Assert.Superset(new HashSet<string> { "/v1/metrics", "/v1/traces" }, collector.Received.Keys.ToHashSet());
        Assert.All(
            ["service.name", "under-test", "run", "batch", "claim", "call", "write", "embeddings text-embedding-3-small"],
            name => Assert.Contains(name, collector.Received["/v1/traces"], StringComparison.Ordinal));
        Assert.All(
            ["under-test", "embedding.items.embedded", "gen_ai.client.token.usage", "gen_ai.client.operation.duration"],
            name => Assert.Contains(name, collector.Received["/v1/metrics"], StringComparison.Ordinal));
        Assert.DoesNotContain(collector.Received.Values, sent => sent.Contains(Fake.ApiKey, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_collector_that_is_not_there_fails_no_command()
    {
        Collect("http://127.0.0.1:9");

        (await Backfill()).Exits(0);

        Assert.Equal(20, Fake.PaidInputCount);
    }

    private protected override Task Prepare() => Clips(20);

    private void Collect(string address) => Program
        .Set("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        .Set("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        .Set("OTEL_SERVICE_NAME", "under-test");

    // What it receives is protobuf, in which names stand as they are.
    private sealed class Collector : IDisposable
    {
        private readonly HttpListener _listener = new();

        public Collector()
        {
            _listener.Prefixes.Add($"{Address}/");
            _listener.Start();
            _ = Receive();
        }

        public string Address { get; } = $"http://127.0.0.1:{FreePort()}";

        public ConcurrentDictionary<string, string> Received { get; } = new();

        public void Dispose() => _listener.Close();

        private static int FreePort()
        {
            using var probe = new TcpListener(IPAddress.Loopback, 0);
            probe.Start();
            return ((IPEndPoint)probe.LocalEndpoint).Port;
        }

        private async Task Receive()
        {
            while (_listener.IsListening)
            {
                try
                {
                    var request = await _listener.GetContextAsync();
                    using var body = new StreamReader(request.Request.InputStream, Encoding.Latin1);
                    var sent = await body.ReadToEndAsync();
                    Received.AddOrUpdate(request.Request.Url!.AbsolutePath, sent, (_, before) => before + sent);
                    request.Response.Close();
                }
                catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
                {
                    return;
                }
            }
        }
    }
}
