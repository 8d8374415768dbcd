using System.Text.Json;

namespace EmbeddingFunctions.Testing;

/// <summary>
/// The fake as a program: <c>[--port N] [--latency-ms N] [--rpm N] [--tpm N]</c>. Prints <c>{"baseUrl":"..."}</c> on one line
/// when it listens, keeps no texts, bills its estimate of tokens, which costs no time, and ends when standard input closes.
/// </summary>
internal static class FakeProcess
{
    private const string Usage = "Usage: [--port N] [--latency-ms N] [--rpm N] [--tpm N]";

    public static async Task<int> RunAsync(string[] args)
    {
        if (Parse(args) is not { } options)
        {
            await Console.Error.WriteLineAsync(Usage);
            return 2;
        }

        await using var fake = await FakeOpenAi.StartAsync(options);
        Console.WriteLine(JsonSerializer.Serialize(new { baseUrl = fake.BaseUrl }));
        await Console.OpenStandardInput().CopyToAsync(Stream.Null);
        return 0;
    }

    private static FakeOpenAiOptions? Parse(string[] args)
    {
        var options = new FakeOpenAiOptions { KeepTexts = false, CountTokens = FakeTokens.Estimate };
        foreach (var pair in args.Chunk(2))
        {
            if (pair.Length < 2 || !int.TryParse(pair[1], out var value) || value < 0)
                return null;
            switch (pair[0])
            {
                case "--port":
                    options = options with { Port = value };
                    break;
                case "--latency-ms":
                    options = options with { Latency = TimeSpan.FromMilliseconds(value) };
                    break;
                case "--rpm":
                    options = options with { RequestsPerMinute = value };
                    break;
                case "--tpm":
                    options = options with { TokensPerMinute = value };
                    break;
                default:
                    return null;
            }
        }

        return options;
    }
}
