using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Npgsql;

namespace EmbeddingFunctions;

/// <summary>All that is wrong with an app's options, and with what they need of the app.</summary>
internal sealed class OptionsRules(IServiceProvider services) : IValidateOptions<EmbeddingsOptions>
{
    private static readonly TimeSpan _longestCall = TimeSpan.FromMinutes(10);

    /// <exception cref="InvalidCorpusException">All that is wrong with the declarations.</exception>
    public static CorpusSet Corpora(EmbeddingsOptions options)
    {
        var (corpora, faults) = Examine(options);
        return faults.Count == 0 ? new CorpusSet(corpora, nameof(EmbeddingsOptions))
            : throw new InvalidCorpusException(string.Join('\n', faults));
    }

    public ValidateOptionsResult Validate(string? name, EmbeddingsOptions options)
    {
        var (corpora, declared) = Examine(options);
        var faults = Numbers(options).Concat(declared).Concat(OfTheGenerator(options, corpora)).Concat(OfTheDatabase()).ToList();
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static IEnumerable<string> Numbers(EmbeddingsOptions options)
    {
        var problems = new[]
        {
            SettingRules.Number(nameof(options.RequestsPerMinute), options.RequestsPerMinute, SettingRules.MaxRequestsPerMinute),
            SettingRules.Number(nameof(options.TokensPerMinute), options.TokensPerMinute, SettingRules.MaxTokensPerMinute),
            SettingRules.Number(nameof(options.Concurrency), options.Concurrency, SettingRules.MaxConcurrency),
            SettingRules.Number(nameof(options.InputsPerRequest), options.InputsPerRequest, Texts.RequestPacker.MaxInputs),
            SettingRules.Dollars(nameof(options.MaxDollarsPerDay), options.MaxDollarsPerDay),
            SettingRules.Dollars(nameof(options.MaxDollarsPerMonth), options.MaxDollarsPerMonth),
            options.AlertUrl is null or { IsAbsoluteUri: true, Scheme: "https" }
                or { IsAbsoluteUri: true, Scheme: "http", IsLoopback: true } ? null : $"{nameof(options.AlertUrl)} is no https address.",
            SettingRules.Schedule(nameof(options.Schedule), options.Schedule),
            options.CallTimeout > TimeSpan.Zero && options.CallTimeout <= _longestCall ? null
                : $"{nameof(options.CallTimeout)} is {options.CallTimeout}; it takes a time of more than zero and at most {_longestCall}.",
            options.QueryTimeout > TimeSpan.Zero && options.QueryTimeout.TotalMilliseconds <= SettingRules.MaxQueryTimeout ? null
                : $"{nameof(options.QueryTimeout)} is {options.QueryTimeout}; it takes a time of more than zero and at most a minute.",
        };
        return problems.OfType<string>();
    }

    // In code and in files, held against the same rules.
    private static (IReadOnlyList<Corpus> Corpora, IReadOnlyList<string> Faults) Examine(EmbeddingsOptions options)
    {
        var (corpora, unreadable) = (options.DeclaredCorpora.ToList(), new List<string>());
        foreach (var file in options.CorporaFiles)
        {
            try
            {
                corpora.AddRange(CorpusFile.Load(file).All);
            }
            catch (InvalidCorpusException e)
            {
                unreadable.Add(e.Message);
            }
        }

        if (corpora.Count == 0)
        {
            return (corpora, unreadable.Count > 0 ? unreadable
                : ["No corpus is declared: call AddCorpus(name, corpus => ...) or AddCorporaFile(path)."]);
        }

        return (corpora, [.. CorpusRules.Check(corpora).Select(fault => $"{fault.Path}: {fault.Message}."), .. unreadable]);
    }

    private IEnumerable<string> OfTheGenerator(EmbeddingsOptions options, IReadOnlyList<Corpus> corpora)
    {
        if (services.GetService<IEmbeddingGenerator<string, Embedding<float>>>() is not { } generator)
        {
            return ["No IEmbeddingGenerator<string, Embedding<float>> is registered: call builder.Services.AddEmbeddingGenerator(...)."];
        }

        return options.Model is null && generator.GetService<EmbeddingGeneratorMetadata>()?.DefaultModelId is null
            && corpora.Any(corpus => corpus.Model is null)
            ? [$"The generator's metadata names no model, which is recorded with each vector: set {nameof(options.Model)}."]
            : [];
    }

    private IEnumerable<string> OfTheDatabase() => services.GetService<NpgsqlDataSource>() is { } database
        ? ConnectionPool.Problems(database)
        : ["No NpgsqlDataSource is registered: call builder.Services.AddNpgsqlDataSource(connectionString)."];
}
