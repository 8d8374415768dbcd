namespace EmbeddingFunctions.Testing;

/// <summary>One request to the embeddings endpoint, as the fake's audit knew it when asked.</summary>
public sealed record FakeRequest
{
    /// <summary>The order of arrival, from 1.</summary>
    public required int Number { get; init; }

    /// <summary>By the clock of <see cref="FakeOpenAiOptions.TimeProvider"/>.</summary>
    public required DateTimeOffset ArrivedAt { get; init; }

    /// <summary>The arrival as a <see cref="System.Diagnostics.Stopwatch"/> timestamp, for measuring gaps.</summary>
    public required long Timestamp { get; init; }

    /// <summary>The inputs; empty when <see cref="FakeOpenAiOptions.KeepTexts"/> is off.</summary>
    public required IReadOnlyList<string> Texts { get; init; }

    public required int InputCount { get; init; }

    public required int Tokens { get; init; }

    public required string Model { get; init; }

    /// <summary>The dimensions asked for, or else the model's own; 0 if the request does not tell.</summary>
    public required int Dimensions { get; init; }

    /// <summary>The request's <c>x-worker-id</c> header.</summary>
    public required string? WorkerId { get; init; }

    /// <summary>Requests in flight at its arrival, itself included.</summary>
    public required int InFlight { get; init; }

    /// <summary>The status answered; null while unanswered, and for good if the connection was cut before the headers.</summary>
    public int? Status { get; init; }

    /// <summary>The scripted fault it met.</summary>
    public string? Fault { get; init; }

    /// <summary>The SHA-256 of each input's UTF-8 in lower-case hex, kept with or without the texts.</summary>
    public IReadOnlyList<string> TextHashes => [.. Hashes.Select(hash => hash.ToString())];

    internal IReadOnlyList<TextHash> Hashes { get; init; } = [];
}
