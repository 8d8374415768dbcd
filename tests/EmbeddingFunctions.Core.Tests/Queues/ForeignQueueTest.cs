using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Queues;

/// <summary>An empty database, for a table of notes with a queue.</summary>
public abstract class ForeignQueueTest : IAsyncLifetime
{
    private protected TestDatabase Target { get; private set; } = null!;

    public async Task InitializeAsync() => Target = await TestDatabase.Empty();

    public async Task DisposeAsync() => await Target.DisposeAsync();

    private protected async Task<DeclaredCorpus> Notes()
    {
        var notes = new DeclaredCorpus(Target.Source, Declaration());
        try
        {
            await notes.Migrate(yes: true);
            return notes;
        }
        catch
        {
            await notes.DisposeAsync();
            throw;
        }
    }

    private protected static object Declaration(string queue = "content", string text = "{title}") =>
        Declarations.Notes(new { kind = "note", table = "notes", text, queue });
}
