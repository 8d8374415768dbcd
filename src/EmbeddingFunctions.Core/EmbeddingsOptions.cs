using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;

namespace EmbeddingFunctions;

/// <summary>
/// What <c>AddEmbeddings</c> sets. All faults are reported together when the app starts, in an
/// <see cref="Microsoft.Extensions.Options.OptionsValidationException"/>.
/// </summary>
public sealed class EmbeddingsOptions
{
    private readonly List<Corpus> _corpora = [];
    private readonly List<string> _files = [];

    /// <summary>Whether anything is embedded at all; false leaves rows pending.</summary>
    public bool IsEnabled { get; set; } = true;

    /// <summary>
    /// Requests that all processes on this database together may send to the provider in a minute: 1 to 10,000,000. It does not apply to a
    /// model in this process.
    /// </summary>
    public int RequestsPerMinute { get; set; } = 500;

    /// <summary>Tokens that all processes on this database together may send in a minute: 1 to 2,000,000,000.</summary>
    public int TokensPerMinute { get; set; } = 1_000_000;

    /// <summary>Requests in flight in this process: 1 to 256.</summary>
    public int Concurrency { get; set; } = 8;

    /// <summary>The most inputs of one request: 1 to 2,048.</summary>
    public int InputsPerRequest { get; set; } = Texts.RequestPacker.MaxInputs;

    /// <summary>How long one call of the app's generator may take, its own retries included.</summary>
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a search waits for the vector of its query, before it searches by words only: up to a minute.</summary>
    public TimeSpan QueryTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The dollars that all processes on this database together may spend in a day of UTC; null: no cap.</summary>
    public decimal? MaxDollarsPerDay { get; set; }

    /// <summary>The dollars that all processes on this database together may spend in a month of UTC; null: no cap.</summary>
    public decimal? MaxDollarsPerMonth { get; set; }

    /// <summary>
    /// A JSON file with prices of models, like <c>{ "models": { "my-model": [{ "from": "2026-01-31", "perMillion": 0.02 }] } }</c>: dollars
    /// for a million tokens from a day on. Null: only the list prices of OpenAI's models are known.
    /// </summary>
    public string? PricesFile { get; set; }

    /// <summary>
    /// The name of the model, which is recorded with each vector; null: the generator's own, from its metadata. Another model's vectors are
    /// never mixed with this one's unless a run allows it.
    /// </summary>
    public string? Model { get; set; }

    /// <summary>When the worker looks which corpora are due: an NCrontab expression with seconds, in UTC.</summary>
    public string Schedule { get; set; } = "0 */15 * * * *";

    /// <summary>Where the worker posts alerts, see docs/operating.md: https, or this machine; null: nowhere. It is never logged.</summary>
    public Uri? AlertUrl { get; set; }

    /// <summary>Signs alerts by HMAC-SHA256; null: they are not signed.</summary>
    public string? AlertSecret { get; set; }

    /// <summary>What the receiver of alerts reads.</summary>
    public AlertForm AlertForm { get; set; }

    /// <summary>Whether the HTTP API shows the texts of failed items to those who may ask for them.</summary>
    public bool ShowTexts { get; set; }

    internal IReadOnlyList<Corpus> DeclaredCorpora => _corpora;

    internal IReadOnlyList<string> CorporaFiles => _files;

    /// <summary>Declares a corpus: tables that are embedded under one rule.</summary>
    /// <param name="name">1 to 40 of a-z, 0-9, _ and -, beginning with a letter.</param>
    /// <param name="declare">Declares the dimensions and at least one table.</param>
    public EmbeddingsOptions AddCorpus(string name, Action<CorpusBuilder> declare)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(declare);
        var builder = new CorpusBuilder(name);
        declare(builder);
        return AddCorpus(builder.Build());
    }

    /// <inheritdoc cref="AddCorpus(string, Action{CorpusBuilder})"/>
    /// <param name="corpus">The whole declaration.</param>
    public EmbeddingsOptions AddCorpus(Corpus corpus)
    {
        ArgumentNullException.ThrowIfNull(corpus);
        _corpora.Add(corpus);
        return this;
    }

    /// <summary>Adds the corpora that a JSON file declares.</summary>
    /// <param name="path">The file; it is read when the app starts.</param>
    public EmbeddingsOptions AddCorporaFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        _files.Add(path);
        return this;
    }
}
