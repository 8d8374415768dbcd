using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.InteropServices;
using System.Text.Json;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Bench.OneTable;

/// <summary>
/// The least that can be done: read a page by key, ask for its vectors, write them with one statement a request. No claim, no check, no
/// cache, no record; an edit meanwhile or a crash makes it wrong.
/// </summary>
internal sealed class BareLoop(LoopOrder order, NpgsqlDataSource database, HttpClient http) : IDisposable
{
    public const string Command = "bare-loop";

    public const string CreateTable = "CREATE TABLE bare_vectors (id bigint PRIMARY KEY, embedding vector(384) NOT NULL)";

    private const int Page = 200;

    private const string Read = "SELECT id, title || ' ' || body FROM articles WHERE id > $1 ORDER BY id LIMIT $2";

    private const string Write =
        """
        INSERT INTO bare_vectors (id, embedding)
        SELECT id, ($2::real[])[(n - 1) * 384 + 1 : n * 384]::vector(384) FROM unnest($1::bigint[]) WITH ORDINALITY AS i (id, n)
        """;

    private readonly SemaphoreSlim _reading = new(1, 1);
    private readonly Queue<(long Id, string Text)> _page = [];
    private long _last = -1;
    private int _items;

    public static async Task<LoopResult> Run(LoopOrder order)
    {
        await using var database = NpgsqlDataSource.Create(order.Database);
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", FakeOpenAiOptions.DefaultApiKey);
        using var loop = new BareLoop(order, database, http);
        return await loop.Run();
    }

    public void Dispose() => _reading.Dispose();

    private async Task<LoopResult> Run()
    {
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, order.InFlight).Select(async _ =>
        {
            while (await Next() is { Count: > 0 } batch)
            {
                var vectors = await Embed(batch);
                await using var command = database.CreateCommand(Write);
                command.Parameters.Add(new() { Value = batch.Select(row => row.Id).ToArray() });
                command.Parameters.Add(new() { Value = vectors });
                Interlocked.Add(ref _items, await command.ExecuteNonQueryAsync());
            }
        }));
        return new LoopResult(_items, clock.Elapsed.TotalSeconds, Environment.CpuUsage.TotalTime.TotalSeconds);
    }

    private async Task<List<(long Id, string Text)>> Next()
    {
        await _reading.WaitAsync();
        try
        {
            if (_page.Count == 0)
            {
                await using var command = database.CreateCommand(Read);
                command.Parameters.Add(new() { Value = _last });
                command.Parameters.Add(new() { Value = Page });
                await using var reader = await command.ExecuteReaderAsync();
                while (await reader.ReadAsync())
                {
                    _page.Enqueue((_last = reader.GetInt64(0), reader.GetString(1)));
                }
            }

            return Enumerable.Range(0, Math.Min(order.BatchSize!.Value, _page.Count)).Select(_ => _page.Dequeue()).ToList();
        }
        finally
        {
            _reading.Release();
        }
    }

    private async Task<float[]> Embed(List<(long Id, string Text)> batch)
    {
        using var reply = await http.PostAsJsonAsync(
            new Uri(order.BaseUrl + "embeddings"),
            new
            {
                input = batch.Select(row => row.Text),
                model = "text-embedding-3-small",
                dimensions = 384,
                encoding_format = "base64",
            });
        reply.EnsureSuccessStatusCode();
        using var document = await JsonDocument.ParseAsync(await reply.Content.ReadAsStreamAsync());
        var vectors = new float[batch.Count * 384];
        foreach (var data in document.RootElement.GetProperty("data").EnumerateArray())
        {
            MemoryMarshal.Cast<byte, float>(data.GetProperty("embedding").GetBytesFromBase64())
                .CopyTo(vectors.AsSpan(data.GetProperty("index").GetInt32() * 384));
        }

        return vectors;
    }
}

/// <param name="BatchSize">Null: automatic, where that is possible.</param>
internal sealed record LoopOrder(string Database, string CorporaFile, string Corpus, string BaseUrl, int InFlight, int? BatchSize);

/// <param name="Seconds">From the first read to the last write.</param>
/// <param name="CpuSeconds">Of the process, its start included.</param>
internal sealed record LoopResult(int Items, double Seconds, double CpuSeconds);
