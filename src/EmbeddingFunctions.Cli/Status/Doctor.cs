using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Cli.Status;

/// <summary>Looks at everything a run needs, and says of each thing that it is well or what to do.</summary>
internal sealed class Doctor
{
    private const int OldestServer = 150_000;

    private static readonly Version _oldestVector = new(0, 8);

    // Before it a vacuum could leave an HNSW index with rows that no search reaches.
    private static readonly Version _soundVector = new(0, 8, 4);

    private readonly NpgsqlDataSource _database;
    private readonly ResolvedCorpora _corpora;
    private readonly Catalogue _catalogue;
    private readonly ProviderCheck _provider;
    private readonly RedisCheck _redis;
    private readonly CorpusFindings _findings;
    private readonly EmbeddingSettings _settings;
    private readonly Redaction _redaction;

    public Doctor(
        NpgsqlDataSource database, ResolvedCorpora corpora, Catalogue catalogue, ProviderCheck provider, RedisCheck redis,
        CorpusFindings findings, EmbeddingSettings settings, Redaction redaction) =>
        (_database, _corpora, _catalogue, _provider, _redis, _findings, _settings, _redaction) =
        (database, corpora, catalogue, provider, redis, findings, settings, redaction);

    /// <summary>
    /// Checks the database first, and the corpora only if it answers: those that it was migrated for, or if there is none, all that are
    /// declared, of the shipped ones those that it has a table for. The provider is asked for one vector of each model and length in use.
    /// </summary>
    public async Task<IReadOnlyList<Finding>> Examine(IReadOnlyList<Corpus> corpora, CancellationToken cancellation)
    {
        IReadOnlyList<Corpus> inUse = [];
        var findings = new List<Finding>
        {
            await Try("database", () => CheckServer(cancellation), "Check DATABASE_URL, and that the server runs and lets you in.")
        };
        if (findings[0].IsWell)
        {
            findings.Add(
                await Try(
                    "extension", () => CheckExtension(cancellation),
                    "Install pgvector on the server: it is the package postgresql-NN-pgvector, or the image pgvector/pgvector."));
            inUse = await Migrated(cancellation);
            var examined = inUse.Count > 0 ? inUse : await WithTables(corpora, cancellation);
            foreach (var corpus in examined)
            {
                findings.Add(await Try($"corpus {corpus.Name}", () => CheckCorpus(corpus, cancellation), null));
            }

            if (examined.Count == 0)
            {
                findings.Add(NoCorpus());
            }

            if (inUse.Count > 0 && inUse.Count < corpora.Count)
            {
                findings.Add(
                    new Finding(
                        "other corpora", true,
                        $"not migrated, so nothing is done for {string.Join(", ", corpora.Except(inUse).Select(corpus => corpus.Name))}",
                        null));
            }
        }

        foreach (
            var corpus in (inUse.Count > 0 ? inUse : corpora.Take(1)).DistinctBy(corpus => (_settings.ModelFor(corpus), corpus.Dimensions)))
        {
            findings.Add(
                await Try(
                    "provider", () => _provider.Ask(corpus, cancellation),
                    $"Asked {_settings.BaseUrl?.ToString() ?? "OpenAI"}: check that address (OPENAI_BASE_URL or AZURE_OPENAI_ENDPOINT), "
                        + "the key (OPENAI_API_KEY), EMBEDDING_MODEL, and the account's balance."));
        }

        if (await _redis.Status(cancellation) is { } redis)
        {
            findings.Add(new Finding(
                "redis", redis.Problem is null, _redaction.Clean($"{redis.Server}{(redis.Problem is { } problem ? $": {problem}" : "")}"),
                redis.Problem is null ? null : "Check REDIS_URL, and that the server runs and lets you in; or leave it out."));
        }

        return findings;
    }

    private async Task<IReadOnlyList<Corpus>> Migrated(CancellationToken cancellation)
    {
        try
        {
            return await _corpora.Migrated(cancellation);
        }
        catch (Exception e) when (e is CorpusException or NpgsqlException)
        {
            // Each corpus then says what it lacks.
            return [];
        }
    }

    private async Task<IReadOnlyList<Corpus>> WithTables(IReadOnlyList<Corpus> corpora, CancellationToken cancellation)
    {
        if (_settings.CorporaFile is not null)
        {
            return corpora;
        }

        var found = new List<Corpus>();
        foreach (var corpus in corpora)
        {
            if ((await _catalogue.Find(Catalogue.TablesOf(corpus), cancellation)).Count > 0)
            {
                found.Add(corpus);
            }
        }

        return found;
    }

    private static Finding NoCorpus() => new(
        "corpora", false, "none is declared, and the database has no table of the shipped ones",
        "Run 'embeddings corpus init TABLE --output corpora.json' for a table of yours and set CORPORA_FILE=corpora.json; or try sample "
            + "data with 'embeddings demo'.");

    private async Task<string> CheckServer(CancellationToken cancellation)
    {
        var version = await _database.ScalarAsync<int>($"SELECT current_setting('server_version_num')::int", cancellation);
        var name = await _database.ScalarAsync<string>($"SELECT current_setting('server_version')", cancellation);
        return version >= OldestServer
            ? $"Postgres {name}, {Database.Describe(_database)}"
            : throw new DatabaseNotReadyException($"it is Postgres {name}; 15 or later is needed");
    }

    private async Task<string> CheckExtension(CancellationToken cancellation)
    {
        var version = await _database.ScalarAsync<string>(
            $"""
            SELECT COALESCE((SELECT extversion FROM pg_extension WHERE extname = 'vector'),
                            (SELECT default_version FROM pg_available_extensions WHERE name = 'vector'))
            """,
            cancellation);
        return version is null ? throw new DatabaseNotReadyException("the server does not have pgvector")
            : Version.TryParse(version, out var found) && found < _oldestVector
                ? throw new DatabaseNotReadyException($"pgvector is {version}; 0.8 or later is needed")
            : found is not null && found < _soundVector
                ? $"pgvector {version}; {_soundVector} and later vacuum an HNSW index without harm: update it when you can"
            : $"pgvector {version}";
    }

    private async Task<string> CheckCorpus(Corpus corpus, CancellationToken cancellation)
    {
        // Looked up again: the tables may have changed since this process resolved them.
        var tables = await _catalogue.Find(Catalogue.TablesOf(corpus), cancellation);
        var resolved = CorpusResolver.Resolve(corpus, tables, await _catalogue.Schemas(cancellation), _settings);
        await new SearchedSchemas(_database).Ensure(resolved, cancellation);
        // Before the rules: a table that was recreated lacks what was made, and its rule is the same.
        if (await _findings.Of(resolved, cancellation) is { Count: > 0 } findings)
        {
            throw new DatabaseNotReadyException(string.Join("; ", findings));
        }

        await _corpora.Get(corpus.Name, cancellation);
        return $"{string.Join(", ", resolved.Tables.Select(t => t.Name))}: {resolved.Tables[0].VectorType} by {resolved.Model}";
    }

    private async Task<Finding> Try(string subject, Func<Task<string>> check, string? advice)
    {
        try
        {
            return new Finding(subject, true, await check(), null);
        }
        catch (Exception e) when (
            e is NpgsqlException or CorpusException or ProviderException or TimeoutException || DatabaseFaults.LacksToken(e))
        {
            return new Finding(subject, false, _redaction.Clean(e.Message), advice);
        }
    }
}

/// <param name="Advice">What to do about it, where the message does not say so itself.</param>
internal sealed record Finding(string Subject, bool IsWell, string Message, string? Advice);
