using System.Text.Json.Serialization;
using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Settings;

/// <summary>Everything that can be set from outside; <see cref="SettingsReader"/> is the one place that reads it.</summary>
public sealed record EmbeddingSettings
{
    /// <summary>The name under which the local provider's vectors are kept, so that no other model's ever mix with them.</summary>
    public const string LocalModel = "local-lexical-1";

    /// <summary>What is answered to whoever asks for a run where none may be.</summary>
    public const string Disabled = "EMBEDDING_ENABLED is false: nothing is embedded until it is true again.";

    /// <summary>A connection string that Npgsql reads, or null: use the embedded Postgres.</summary>
    [JsonIgnore]
    public string? Database { get; init; }

    [JsonIgnore]
    public string? RedisUrl { get; init; }

    public required ProviderChoice Provider { get; init; }

    /// <summary>Why <see cref="Provider"/> was chosen, for the line that the program says about it.</summary>
    public required string ProviderReason { get; init; }

    /// <summary>False: nothing is embedded and nobody paid, whoever asks.</summary>
    public bool IsEnabled { get; init; } = true;

    public string Model { get; init; } = "text-embedding-3-small";

    [JsonIgnore]
    public string? ApiKey { get; init; }

    /// <summary>The server's base, up to and with <c>/v1</c>; null: OpenAI's own.</summary>
    public Uri? BaseUrl { get; init; }

    /// <summary>Whether to ask Entra for tokens: an Azure endpoint without a key.</summary>
    public bool UseEntra { get; init; }

    public int RequestsPerMinute { get; init; } = 500;

    public int TokensPerMinute { get; init; } = 1_000_000;

    /// <summary>At most so many inputs a request: what OpenAI takes.</summary>
    public int InputsPerRequest { get; init; } = Texts.RequestPacker.MaxInputs;

    /// <summary>Requests in flight in one process.</summary>
    public int Concurrency { get; init; } = 8;

    /// <summary>Batches in flight in one run: a few more than requests, which load and write while the others wait for the provider.</summary>
    public int BatchesInFlight => Concurrency + Math.Max(1, Concurrency / 4);

    /// <summary>When a host looks which corpora are due: an NCrontab expression, in UTC.</summary>
    public string Schedule { get; init; } = "0 */15 * * * *";

    /// <summary>The key of the local server's HTTP face, or of the host that a trigger is sent to.</summary>
    [JsonIgnore]
    public string? ServerKey { get; init; }

    /// <summary>The user's own declarations; null: the shipped ones.</summary>
    public string? CorporaFile { get; init; }

    /// <summary>Where a test has the process die; null everywhere else.</summary>
    public FaultPoint? FaultPoint { get; init; }

    /// <summary>Which model embeds a corpus: vectors of different models never stand in one column.</summary>
    public string ModelFor(Corpus corpus) => Provider == ProviderChoice.Local ? LocalModel : corpus.Model ?? Model;

    /// <exception cref="SettingsException">Nothing may be embedded.</exception>
    public void DemandEnabled()
    {
        if (!IsEnabled)
        {
            throw new SettingsException([Disabled]);
        }
    }

    /// <exception cref="SettingsException">None is set, where there is no embedded Postgres to use instead.</exception>
    public string DemandDatabase() => Database
        ?? throw new SettingsException(["DATABASE_URL is not set: write it like postgres://user:password@host:5432/database."]);

    /// <summary>Names no secret, where a record would print all it has.</summary>
    public override string ToString() => $"{Provider} ({ProviderReason}), {Model}";
}

public enum ProviderChoice
{
    OpenAi,
    Local,
}
