using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.FakeProvider;

/// <summary>The barest client: it sends what it is given and believes nothing.</summary>
internal sealed class FakeClient(FakeOpenAi fake)
{
    public const string Model = "text-embedding-3-small";

    private static readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false });

    public string? Key { get; set; } = fake.ApiKey;

    public Task<FakeReply> EmbedAsync(params string[] texts) =>
        SendAsync(new { model = Model, input = texts, dimensions = 8, encoding_format = "base64" });

    public Task<FakeReply> SendAsync(object body, CancellationToken cancellation = default) =>
        SendAsync(JsonContent.Create(body), cancellation);

    public Task<FakeReply> SendTextAsync(string body) => SendAsync(new StringContent(body, Encoding.UTF8, "application/json"), default);

    public static float[] Floats(JsonElement embedding) => embedding.ValueKind == JsonValueKind.String
        ? MemoryMarshal.Cast<byte, float>(embedding.GetBytesFromBase64()).ToArray()
        : [.. embedding.EnumerateArray().Select(component => component.GetSingle())];

    /// <summary>The status and the length of the body up to where the connection breaks.</summary>
    public async Task<(int Status, int BodyLength)> ReadAsFarAsPossibleAsync(params string[] texts)
    {
        using var request = Request(JsonContent.Create(new { model = Model, input = texts, dimensions = 8 }));
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var body = await response.Content.ReadAsStreamAsync();
        var read = 0;
        try
        {
            while (body.ReadByte() >= 0)
                read++;
        }
        catch (Exception broken) when (broken is IOException or HttpRequestException)
        {
            return ((int)response.StatusCode, read);
        }

        throw new InvalidOperationException("The body came to its end.");
    }

    private async Task<FakeReply> SendAsync(HttpContent content, CancellationToken cancellation)
    {
        using var request = Request(content);
        using var response = await _http.SendAsync(request, cancellation);
        return new FakeReply((int)response.StatusCode, response.Headers, await response.Content.ReadAsStringAsync(cancellation));
    }

    private HttpRequestMessage Request(HttpContent content)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, $"{fake.BaseUrl}/embeddings") { Content = content };
        if (Key is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Key);
        request.Headers.Add("x-worker-id", "worker-7");
        return request;
    }
}
