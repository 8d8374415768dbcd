using System.Text.Json;
using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Switching;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Switching;

/// <summary>Both generations answer the same questions, each by the vectors of its own model.</summary>
public sealed class QuestionProbeTests : IAsyncLifetime
{
    private const string Small = "text-embedding-3-small";
    private const string Large = "text-embedding-3-large";

    private static readonly int[] _asked = [1, 12, 53];

    private static readonly string[] _subjects = ["basket", "login", "battery", "invoice", "camera", "password"];

    private readonly string _file = Path.GetTempFileName();
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute("CREATE TABLE notes (id bigint PRIMARY KEY, code text, title text)");
        foreach (var (i, subject) in _subjects.Index())
        {
            await _database.Execute(
                "INSERT INTO notes SELECT $1 * 10 + n, md5(($1 * 10 + n)::text), 'the ' || $2 || ' fails, case ' || n FROM "
                    + "generate_series(1, 3) n",
                (long)i, subject);
        }
    }

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        File.Delete(_file);
    }

    [Fact]
    public async Task A_generation_whose_texts_hold_the_answers_scores_higher_than_one_of_codes()
    {
        await using (var codes = Notes("{code}"))
        {
            await codes.MigrateAndRun();
        }

        await using var titles = Notes("{title}");
        await titles.Run(name: (await titles.Get<GenerationSwitch>().Begin("notes", null, default)).Name);
        var probe = titles.Get<QuestionProbe>();
        var questions = _subjects.Select((subject, i) => new GradedQuestion(
            i + 1, $"{subject} fails", Enumerable.Range(1, 3).ToDictionary(n => Note((i * 10) + n), n => n))).ToList();

        var scores = (await probe.Measure("notes", questions, default))!;

        Assert.Equal(6, scores.Questions);
        Assert.Equal(1, scores.Other.Mrr);
        Assert.InRange(scores.Other.Ndcg, 0.75, 1);
        Assert.InRange(scores.Live.Ndcg, 0, scores.Other.Ndcg - 0.1);
        Assert.InRange(scores.Live.Mrr, 0, scores.Other.Mrr - 0.1);

        await titles.Get<GenerationSwitch>().Flip("notes", null, default);
        var flipped = (await probe.Measure("notes", questions, default))!;
        Assert.Equal((scores.Live, scores.Other), (flipped.Other, flipped.Live));
    }

    [Fact]
    public async Task Each_question_is_embedded_once_by_each_generations_own_model_and_cached_under_it()
    {
        await using var fake = await FakeOpenAi.StartAsync();
        await using (var before = Engine(fake, Small))
        {
            await before.Get<Schema.Migrator>().Migrate(before.Get<CorpusSet>().Get("notes"), new(), null, default);
            await before.Run(new RunRequest("notes", []));
        }

        await using var after = Engine(fake, Large);
        await after.Run(new RunRequest((await after.Get<GenerationSwitch>().Begin("notes", null, default)).Name, []));
        // The fake's vectors of equal texts are equal within a model, and of two models they have nothing in common.
        var questions = _asked.Select(
            id => new GradedQuestion(
                id, $"the {_subjects[id / 10]} fails, case {id % 10}", new Dictionary<ItemName, int> { [Note(id)] = 1 }));
        var paid = fake.PaidInputCount;

        for (var time = 0; time < 2; time++)
        {
            var scores = (await after.Get<QuestionProbe>().Measure("notes", [.. questions], default))!;

            Assert.Equal((new AnswerScore(1, 1), new AnswerScore(1, 1)), (scores.Live, scores.Other));
            Assert.Equal(paid + 6, fake.PaidInputCount);
        }
    }

    [Fact]
    public async Task Items_that_the_corpus_has_not_are_named_and_no_question_is_asked()
    {
        await using var corpus = Notes("{title}");
        await corpus.MigrateAndRun();
        GradedQuestion[] questions =
        [
            new(1, "one", new Dictionary<ItemName, int> { [Note(1)] = 1, [Note(99)] = 1 }),
            new(2, "two", new Dictionary<ItemName, int> { [new("page", "2")] = 2, [new("note", "x'y")] = 1 }),
        ];

        var refusal = await Assert.ThrowsAsync<InvalidCorpusException>(
            () => corpus.Get<QuestionProbe>().Check("notes", questions, default));

        Assert.Contains("'notes' has no note:99, page:2, note:x'y:", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_generation_whose_model_this_host_has_not_is_named_with_what_to_do()
    {
        await using (var lexical = Notes("{title}"))
        {
            await lexical.MigrateAndRun();
        }

        await using (var fake = await FakeOpenAi.StartAsync())
        await using (var after = Engine(fake, Large))
        {
            await after.Get<GenerationSwitch>().Begin("notes", null, default);
        }

        await using var host = Notes("{title}");
        var refusal = await Assert.ThrowsAsync<InvalidCorpusException>(() => host.Get<QuestionProbe>().Measure(
            "notes", [new(1, "one", new Dictionary<ItemName, int> { [Note(1)] = 1 })], default));

        Assert.Contains($"is of the model {Large}", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("EMBEDDING_PROVIDER", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Scores_are_those_of_the_definitions()
    {
        var question = new GradedQuestion(1, "q", new Dictionary<ItemName, int> { [Note(1)] = 3, [Note(2)] = 1 });

        Assert.Equal(1, question.Ndcg([Note(1), Note(2)]), 6);
        // (1 / log2 3 + 3 / log2 4) / (3 / log2 2 + 1 / log2 3)
        Assert.Equal(((1 / Math.Log2(3)) + (3 / Math.Log2(4))) / (3 + (1 / Math.Log2(3))), question.Ndcg([Note(9), Note(2), Note(1)]), 6);
        Assert.Equal(0.5, question.ReciprocalRank([Note(9), Note(2), Note(1)]));
        Assert.Equal((0, 0), (question.Ndcg([Note(9)]), question.ReciprocalRank([])));
        Assert.Equal(0, question.ReciprocalRank([.. Enumerable.Range(10, 10).Select(Note), Note(1)]));
    }

    private static ItemName Note(int id) => new("note", $"{id}");

    private DeclaredCorpus Notes(string text) => new(_database.Source, Declaration(text, dimensions: 256, model: null));

    private TestEngine Engine(FakeOpenAi fake, string model)
    {
        File.WriteAllText(_file, JsonSerializer.Serialize(new { corpora = new[] { Declaration("{title}", dimensions: 64, model) } }));
        return new TestEngine(_database.Source, fake, settings => settings with { CorporaFile = _file });
    }

    private static object Declaration(string text, int dimensions, string? model) => new Dictionary<string, object?>
    {
        ["name"] = "notes",
        ["store"] = "table",
        ["dimensions"] = dimensions,
        ["startsPerMinute"] = 1_000,
        ["tables"] = new[] { new { kind = "note", table = "notes", text } },
        ["model"] = model,
    }.Where(pair => pair.Value is not null).ToDictionary();
}
