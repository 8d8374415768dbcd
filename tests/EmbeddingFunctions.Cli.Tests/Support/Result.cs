using System.Text.Json;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>What a program that has ended left behind.</summary>
/// <param name="Out">All of standard output.</param>
/// <param name="Error">All of standard error.</param>
internal sealed record Result(int ExitCode, string Out, string Error, TimeSpan Duration)
{
    /// <summary>Standard output, if it is exactly one JSON object.</summary>
    public JsonElement Json
    {
        get
        {
            using var document = JsonDocument.Parse(Out);
            Assert.Equal(JsonValueKind.Object, document.RootElement.ValueKind);
            return document.RootElement.Clone();
        }
    }

    public int Number(string name) => Json.GetProperty(name).GetInt32();

    public string? Text(string name) => Json.GetProperty(name).GetString();

    /// <summary>Fails with all that was printed if the exit code is another.</summary>
    public Result Exits(int code)
    {
        Assert.True(ExitCode == code, $"It ended with {ExitCode} instead of {code}.\n{Out}\n{Error}");
        return this;
    }

    /// <summary>Fails with all that was printed if standard error lacks the words.</summary>
    public Result Says(string words)
    {
        Assert.True(Error.Contains(words, StringComparison.Ordinal), $"It did not say '{words}'.\n{Out}\n{Error}");
        return this;
    }
}
