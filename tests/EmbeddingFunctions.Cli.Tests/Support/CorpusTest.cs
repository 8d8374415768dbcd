using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>A database with a table of articles, and a file for its declaration.</summary>
public abstract class CorpusTest : IAsyncLifetime, IDisposable
{
    private readonly TestFolder _folder = new();

    private protected FakeOpenAi Fake { get; private set; } = null!;

    private protected TestDatabase Target { get; private set; } = null!;

    private protected string Declared => Path.Combine(_folder.Path, "corpora.json");

    public async Task InitializeAsync()
    {
        Fake = await FakeOpenAi.StartAsync();
        Target = await TestDatabase.Empty();
        await Target.Execute(
            """
            CREATE SCHEMA blog;
            CREATE TABLE blog.authors (id bigint PRIMARY KEY);
            CREATE TABLE blog.articles (
                id bigint PRIMARY KEY, author_id bigint REFERENCES blog.authors, slug text, title text, body text, is_draft boolean NOT NULL
                    DEFAULT false,
                created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
            INSERT INTO blog.articles (id, title, body) VALUES (1, 'First', 'words'), (2, 'Second', NULL), (3, NULL, 'only a body');
            INSERT INTO blog.articles (id, title, is_draft) VALUES (4, 'Draft', true);
            """);
    }

    public async Task DisposeAsync()
    {
        await Target.DisposeAsync();
        await Fake.DisposeAsync();
    }

    public void Dispose()
    {
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected Program Program() => new(Target, Fake);

    private protected Task<Result> Run(params string[] arguments) => Program().Run(arguments);
}
