using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Texts;
using Npgsql;

namespace EmbeddingFunctions.Switching;

/// <summary>Asks the generations of a corpus the same questions, each by the vectors of its own model.</summary>
internal sealed class QuestionProbe(
    NpgsqlDataSource database, CorpusSet corpora, ResolvedCorpora resolved, Generations generations, TextEmbedder embedder,
    IVectorCache cache, EmbeddingSettings settings)
{
    private const int MostNamed = 10;

    // Left alone, pgvector looks at forty rows, however many the conditions leave of them.
    private static readonly SqlText _searching = Sql.Of(
        $"SELECT set_config('hnsw.ef_search', '100', true), set_config('hnsw.iterative_scan', 'strict_order', true)");

    /// <summary>Finds what would keep the questions from being asked, before anything is paid for.</summary>
    /// <exception cref="SettingsException">Embedding is switched off.</exception>
    /// <exception cref="InvalidCorpusException">An item is none of the corpus, or a generation's model is not at hand.</exception>
    public async Task Check(string name, IReadOnlyList<GradedQuestion> questions, CancellationToken cancellation)
    {
        settings.EnsureEnabled();
        await generations.Refresh(cancellation);
        var kept = corpora.GenerationsOf(name);
        foreach (var generation in kept)
        {
            EnsureModel(generation);
        }

        var unknown = questions.SelectMany(question => question.Expected.Keys).Distinct().ToList();
        foreach (var generation in kept)
        {
            // The declaration may be another than the database was migrated for: it is what a switch begins with.
            unknown = await Unknown(await resolved.Resolve(generation, cancellation), unknown, cancellation);
        }

        if (unknown.Count > 0)
        {
            throw new InvalidCorpusException(
                $"'{name}' has no {string.Join(", ", unknown.Take(MostNamed))}"
                    + $"{(unknown.Count > MostNamed ? $" and {unknown.Count - MostNamed:N0} more" : "")}: an expected item is written as "
                    + "its kind, a colon and its id, and must be a row that the corpus takes.");
        }
    }

    /// <returns>The scores of the live generation and of the other; null if the corpus has one generation only.</returns>
    /// <exception cref="InvalidCorpusException">As of <see cref="Check"/>; or a model refuses a question.</exception>
    /// <exception cref="ProviderException">The provider gives no vectors.</exception>
    public async Task<QuestionScores?> Measure(string name, IReadOnlyList<GradedQuestion> questions, CancellationToken cancellation)
    {
        await Check(name, questions, cancellation);
        return corpora.GenerationsOf(name) is [var live, var other]
            ? new QuestionScores(
                questions.Count, await Score(live, questions, cancellation), await Score(other, questions, cancellation))
            : null;
    }

    private void EnsureModel(Corpus generation)
    {
        if (generation is { Generation: { } kept, Model: { } model } && settings.ModelFor(generation) != model)
        {
            throw new InvalidCorpusException(
                $"Generation {kept.Number} of '{kept.Corpus}' is of the model {model}, and this host's provider, {settings.ProviderName}, "
                    + $"has {settings.ModelFor(generation)} only: set EMBEDDING_PROVIDER, or its key, to one that has {model}.");
        }
    }

    private async Task<List<ItemName>> Unknown(ResolvedCorpus corpus, List<ItemName> items, CancellationToken cancellation)
    {
        var unknown = items.ToHashSet();
        foreach (var table in corpus.Tables)
        {
            var ids = items.Where(item => item.Kind == table.Kind).Select(item => item.Id).ToArray();
            var found = ids.Length == 0 ? [] : await database.QueryAsync(
                $"SELECT {table.Id}::text FROM {table.Target} t WHERE {table.Id}::text = ANY ({ids}){table.Filter}",
                row => new ItemName(table.Kind, row.GetString(0)), cancellation, Sql.TimeoutOfCounts);
            unknown.ExceptWith(found);
        }

        return items.Where(unknown.Contains).ToList();
    }

    private async Task<AnswerScore> Score(Corpus generation, IReadOnlyList<GradedQuestion> questions, CancellationToken cancellation)
    {
        var corpus = await resolved.Get(generation.Name, cancellation);
        var (ndcg, rank) = (0d, 0d);
        foreach (var (question, vector) in questions.Zip(await Embed(corpus, questions, cancellation)))
        {
            var answers = await Answers(corpus, vector, cancellation);
            (ndcg, rank) = (ndcg + question.Ndcg(answers), rank + question.ReciprocalRank(answers));
        }

        return new AnswerScore(ndcg / questions.Count, rank / questions.Count);
    }

    // The rule of a question has no template: it is the vector of no item, and the cache keeps it under its own model's name.
    private async Task<IEnumerable<ReadOnlyMemory<float>>> Embed(
        ResolvedCorpus corpus, IReadOnlyList<GradedQuestion> questions, CancellationToken cancellation)
    {
        var (rule, counter) = (new EmbeddingRule("", corpus.Model, corpus.Corpus.Dimensions), TokenCounter.Of(corpus.Model));
        var works = new Dictionary<string, (TextWork Work, GradedQuestion Question)>();
        var fingerprints = new List<string>();
        foreach (var question in questions)
        {
            var text = NormalizedText.Of(question.Text, int.MaxValue);
            fingerprints.Add(rule.Fingerprint(text));
            works.TryAdd(fingerprints[^1], (new TextWork(new InputText(text, counter), fingerprints[^1]), question));
        }

        foreach (var (fingerprint, vector) in await cache.Find([.. works.Keys], rule.Dimensions, since: null, cancellation))
        {
            works[fingerprint].Work.Embedded(vector, fromCache: true);
        }

        await Ask(corpus, rule, works.Values.Select(work => work.Work).Where(work => work.IsUndecided).ToList(), cancellation);
        return works.Values.FirstOrDefault(work => work.Work.Failure is not null) is { Work.Failure: { } failure } refused
            ? throw new InvalidCorpusException(
                $"The question of line {refused.Question.Line} was not embedded by {corpus.Model}: {failure}")
            : fingerprints.Select(fingerprint => works[fingerprint].Work.Vector!.Value);
    }

    private async Task Ask(ResolvedCorpus corpus, EmbeddingRule rule, List<TextWork> works, CancellationToken cancellation)
    {
        try
        {
            var meter = new RequestMeter(new RequestOrigin(corpus.Corpus.Name));
            await embedder.Embed(works, rule, meter, since: null, inputs: null, cancellation);
        }
        catch (ProviderException e) when (e.Fault == ProviderFault.Configuration)
        {
            throw new ProviderException(e.Fault, $"the questions need {rule.Model}, the model of one of the generations: {e.Message}", e);
        }
    }

    // Of all kinds together, since their vectors are of one model.
    private async Task<IReadOnlyList<ItemName>> Answers(
        ResolvedCorpus corpus, ReadOnlyMemory<float> vector, CancellationToken cancellation)
    {
        var given = Sql.Value(vector.ToArray());
        var nearest = corpus.Tables.Select(table =>
        {
            var distance = Sql.Of($"{table.Vector} {table.Distance} {given}::real[]::{table.VectorColumnType}");
            return Sql.Of(
                $"""
                (SELECT {Sql.Literal(table.Kind)} AS kind, {table.Id}::text AS id, {distance} AS distance
                 FROM   {table.Target} t WHERE {table.Vector} IS NOT NULL{table.Filter}
                 ORDER  BY {distance} LIMIT {Sql.Literal(GradedQuestion.Answers)})
                """);
        });
        var query = Sql.Of(
            $"""
            SELECT kind, id FROM ({Sql.Join(" UNION ALL ", nearest)}) near
            ORDER  BY distance, kind, id LIMIT {Sql.Literal(GradedQuestion.Answers)}
            """);
        var answers = new List<ItemName>();
        await database.ReadAsync(
            [_searching, query], cancellation, _ => { }, row => answers.Add(new ItemName(row.GetString(0), row.GetString(1))));
        return answers;
    }
}
