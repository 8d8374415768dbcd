using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text.Json;
using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Bench.Provider;

/// <summary>The provider alone: the same requests, their replies read and discarded, no database.</summary>
internal static class ProviderAlone
{
    public const string Command = "provider-alone";

    public const int BatchSize = 20;

    /// <returns>Inputs a second.</returns>
    public static async Task<double> Measure(FakeServer server, int inFlight, int items)
    {
        var result = await ChildProcess.Ask<ProviderOrder, ProviderResult>(Command, new ProviderOrder(server.BaseUrl, inFlight, items));
        return items / result.Seconds;
    }

    public static async Task<ProviderResult> Run(ProviderOrder order)
    {
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", FakeOpenAiOptions.DefaultApiKey);
        var bodies = Enumerable.Range(0, order.Items / BatchSize).Select(Body).ToArray();
        var next = -1;
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, order.InFlight).Select(async _ =>
        {
            for (int i; (i = Interlocked.Increment(ref next)) < bodies.Length;)
            {
                using var content = new ByteArrayContent(bodies[i]);
                content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
                using var reply = await http.PostAsync(new Uri(order.BaseUrl + "embeddings"), content);
                reply.EnsureSuccessStatusCode();
                await reply.Content.ReadAsByteArrayAsync();
            }
        }));
        return new ProviderResult(clock.Elapsed.TotalSeconds);
    }

    private static byte[] Body(int batch) => JsonSerializer.SerializeToUtf8Bytes(new
    {
        input = Enumerable.Range(batch * BatchSize, BatchSize).Select(n => Words.Text(n, 1_990)),
        model = "text-embedding-3-small",
        dimensions = 384,
        encoding_format = "base64",
    });
}

internal sealed record ProviderOrder(string BaseUrl, int InFlight, int Items);

internal sealed record ProviderResult(double Seconds);
