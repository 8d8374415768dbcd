using System.Text.Json;
using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Search;

/// <summary>Searches of a database of the test's own.</summary>
public abstract class SearchTest : IAsyncLifetime
{
    private static readonly string[] _titles = ["title"];
    private static readonly string[] _states = ["state"];

    private readonly List<IAsyncDisposable> _made = [];

    private protected TestDatabase Database { get; private set; } = null!;

    public virtual async Task InitializeAsync() => Database = await TestDatabase.Empty();

    public async Task DisposeAsync()
    {
        foreach (var made in _made)
        {
            await made.DisposeAsync();
        }

        await Database.DisposeAsync();
    }

    /// <summary>A table of notes with these titles and bodies, of which the ids are 1, 2, 3 …, embedded by their words.</summary>
    private protected async Task<DeclaredCorpus> Notes(string store, params (string Title, string? Body)[] notes)
    {
        await Database.Execute(
            "CREATE TABLE notes (id int PRIMARY KEY, title text, body text, state text DEFAULT 'open', tenant int DEFAULT 1)");
        for (var i = 0; i < notes.Length; i++)
        {
            await Database.Execute("INSERT INTO notes (id, title, body) VALUES ($1, $2, $3)", i + 1, notes[i].Title, notes[i].Body);
        }

        var corpus = Declare(store, Note(new { language = "english", identifiers = _titles, columns = _states }));
        await corpus.MigrateAndRun();
        return corpus;
    }

    private protected static object Note(object? search) =>
        new { kind = "note", table = "notes", text = "{title} {body}", search };

    private protected DeclaredCorpus Declare(string store, params object[] tables) =>
        Keep(new DeclaredCorpus(Database.Source, new { name = "notes", store, dimensions = 64, startsPerMinute = 1_000, tables }));

    private protected T Keep<T>(T made) where T : IAsyncDisposable
    {
        _made.Add(made);
        return made;
    }

    private protected static Task<SearchResponse> Search(DeclaredCorpus corpus, SearchRequest request) =>
        corpus.Get<ISearch>().SearchAsync(request);

    private protected static async Task<IEnumerable<string>> Ids(DeclaredCorpus corpus, SearchRequest request) =>
        (await Search(corpus, request)).Results.Select(result => result.Id);

    private protected static SearchRequest Ask(string query) => new() { Corpus = "notes", Query = query };

    internal static SearchFilter Is(string column, object value) =>
        new() { Column = column, EqualTo = JsonSerializer.SerializeToElement(value) };
}
