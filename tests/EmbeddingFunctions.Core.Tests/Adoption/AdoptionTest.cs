using System.Text.Json;
using EmbeddingFunctions.Adoption;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Adoption;

/// <summary>Notes whose vectors another program made, a corpus over them, and the fake provider.</summary>
public abstract class AdoptionTest : IAsyncLifetime
{
    private protected const string Model = "text-embedding-3-small";
    private protected const int Dimensions = 8;

    private readonly List<IAsyncDisposable> _opened = [];

    private protected string Declared { get; } = Path.GetTempFileName();

    private protected TestDatabase Database { get; private set; } = null!;

    private protected FakeOpenAi Fake { get; private set; } = null!;

    private protected TestEngine Engine { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Fake = await FakeOpenAi.StartAsync();
        Database = await TestDatabase.Empty();
        await Database.Execute(
            "CREATE EXTENSION vector; CREATE TABLE notes (id int PRIMARY KEY, title text, hits int NOT NULL DEFAULT 0, old vector)");
    }

    public async Task DisposeAsync()
    {
        foreach (var one in _opened)
        {
            await one.DisposeAsync();
        }

        await Database.DisposeAsync();
        await Fake.DisposeAsync();
        File.Delete(Declared);
    }

    /// <summary>Notes with titles of their own, each with the provider's vector of its title.</summary>
    private protected async Task AddNotes(int count, string model = Model, int dimensions = Dimensions)
    {
        foreach (var id in Enumerable.Range(1, count))
        {
            await Database.Execute(
                "INSERT INTO notes (id, title, old) VALUES ($1, $2, $3::real[]::vector)", id, $"note {id}",
                FakeVector.Of($"note {id}", model, dimensions));
        }
    }

    /// <summary>Migrates a corpus of the given tables.</summary>
    private protected Task Migrate(string store, params object[] tables)
    {
        File.WriteAllText(
            Declared, JsonSerializer.Serialize(new { corpora = new[] { new { name = "notes", dimensions = Dimensions, store, tables } } }));
        return Migrate();
    }

    /// <summary>Migrates the corpus as it is declared.</summary>
    private protected async Task Migrate()
    {
        Engine = Keep(new TestEngine(Database.Source, Fake, settings => settings with { CorporaFile = Declared }));
        await Engine.Get<Migrator>().Migrate(Engine.Get<CorpusSet>().Get("notes"), new MigrationOptions(), null, CancellationToken.None);
    }

    private protected static object Notes(string text = "{title}") => new { kind = "note", table = "notes", text };

    private protected static AdoptionRequest Request(string from = "notes.old") =>
        new("notes", ColumnName.Parse(from), Model, Sample: 5);

    private protected Task<AdoptionPlan> Examine(AdoptionRequest? request = null) =>
        Engine.Get<Adopter>().Examine(request ?? Request(), null, CancellationToken.None);

    private protected async Task<AdoptedItems> Adopt(AdoptionRequest? request = null)
    {
        var plan = await Examine(request);
        Assert.True(plan.Cosines?.IsOfOneModel, $"{plan.Items} items: {plan.Cosines}");
        return await Engine.Get<Adopter>().Adopt(plan, null, CancellationToken.None);
    }

    private protected async Task<int> Embedded()
    {
        var outcome = await Engine.Run(new RunRequest("notes", [], Concurrency: 2));
        Assert.True(outcome.Status == RunStatus.Completed, outcome.Error);
        return outcome.Counts.Embedded;
    }

    private protected T Keep<T>(T opened) where T : IAsyncDisposable
    {
        _opened.Add(opened);
        return opened;
    }

    private protected static long Count(IEnumerable<LeftOutItems> leftOut, LeftOutReason reason) =>
        leftOut.FirstOrDefault(left => left.Reason == reason)?.Items ?? 0;

    /// <summary>Where the corpus's vectors of notes are.</summary>
    private protected static string Holder(string store) => store == "table" ? "embedding.vectors_notes_note" : "notes";
}
