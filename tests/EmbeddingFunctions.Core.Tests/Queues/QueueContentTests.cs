using EmbeddingFunctions.Core.Tests.Storage;

namespace EmbeddingFunctions.Core.Tests.Queues;

/// <summary>A queue whose content is embedded, once its declaration is another.</summary>
public sealed class QueueContentTests : ForeignQueueTest
{
    [Theory]
    [InlineData("content", "{title}!", "n'est-ce pas!")]
    [InlineData("row", "{title}", "n'est-ce pas")]
    public async Task Another_template_or_none_of_the_queues_content_is_embedded_again(string queue, string text, string embedded)
    {
        await Target.Execute("CREATE TABLE notes (id int PRIMARY KEY, title text)");
        await using (var notes = await Notes())
        {
            await Target.Execute("INSERT INTO notes VALUES (1, 'n''est-ce pas')");
            await Target.Execute("UPDATE embedding_queue SET content = 'words of its own'");
            await notes.Run();
            await notes.Migrate();
            Assert.Equal(0, (await notes.Run()).ItemsTotal);
        }

        await using var changed = new DeclaredCorpus(Target.Source, Declaration(queue, text));
        await changed.MigrateAndRun();

        Assert.Equal([["completed", embedded]], await Target.Rows("SELECT status, content FROM embedding_queue"));
        await Target.Execute("INSERT INTO notes VALUES (2, 'n''est-ce pas')");
        await changed.Run();
        Assert.Equal(1, await Target.Ask<long>("SELECT count(DISTINCT content_hash) FROM notes"));
    }

    [Fact]
    public async Task Texts_that_changed_while_the_queues_content_was_not_embedded_are_embedded_when_it_is_again()
    {
        await Target.Execute("CREATE TABLE notes (id int PRIMARY KEY, title text)");
        await using (var notes = await Notes())
        {
            await Target.Execute("INSERT INTO notes VALUES (1, 'old')");
        }

        await using (var row = new DeclaredCorpus(Target.Source, Declaration("row")))
        {
            await row.Migrate();
            await Target.Execute("UPDATE notes SET title = 'new'");
        }

        await using var again = await Notes();
        await again.Run();

        Assert.Equal(
            [["completed", "new", "new"]], await Target.Rows("SELECT status, content, embedding_content FROM embedding_queue, notes"));
    }
}
