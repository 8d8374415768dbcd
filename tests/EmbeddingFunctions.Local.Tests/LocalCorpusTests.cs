using EmbeddingFunctions.Cli.Status;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions.Local.Tests;

/// <summary>The local model under the whole product, on a real database.</summary>
[Collection(SharedModel.Collection)]
public sealed class LocalCorpusTests(SharedModel shared) : IAsyncLifetime
{
    private static readonly string _read = string.Join(' ', Enumerable.Repeat("word", 254));

    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute("CREATE TABLE notes (id int PRIMARY KEY, body text)");
    }

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task A_text_beyond_the_models_window_is_marked_with_what_was_left_out()
    {
        await _database.Execute("INSERT INTO notes VALUES (1, $1), (2, $2), (3, 'short')", _read, $"{_read} and more");
        await using var product = Notes();

        await product.MigrateAndRun();

        var leftOut = (await _database.Rows("SELECT embedding_truncated FROM notes ORDER BY id")).Select(row => row[0]);
        Assert.Equal([null, " and more".Length, null], leftOut);
        var distance = await _database.Ask<double>("SELECT a.embedding <=> b.embedding FROM notes a, notes b WHERE a.id = 1 AND b.id = 2");
        Assert.Equal(0, distance, 1e-6);
    }

    [Fact]
    public async Task Where_long_texts_are_to_fail_one_beyond_the_window_fails_and_says_how_much_is_read()
    {
        await _database.Execute("INSERT INTO notes VALUES (1, $1), (2, $2)", _read, $"{_read} and more");
        await using var product = Notes(longText: "fail");
        await product.Migrate();

        var outcome = await product.Run();

        Assert.Equal((1, 1), (outcome.Counts.Embedded, outcome.Counts.Failed));
        var reason = await _database.Ask<string>("SELECT reason FROM embedding.claims WHERE item_id = '2'");
        Assert.Contains("the model reads its first 1,269 characters and not the 9 after them", reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_no_chunk_is_read_of_is_counted_too()
    {
        await _database.Execute("INSERT INTO notes VALUES (1, $1)", string.Join(' ', Enumerable.Repeat("qxzjvkwpf", 400)));
        await using var product = Notes(longText: "chunk", chunks: new { table = "note_chunks", maxTokens = 200, overlapTokens = 0 });

        await product.MigrateAndRun();

        // Such words have more pieces than a chunk of 200 tokens is estimated to have; the model reads 254 of each chunk.
        Assert.InRange(await _database.Ask<int>("SELECT embedding_truncated FROM notes"), 100, 3_000);
    }

    [Fact]
    public async Task Chunks_longer_than_the_model_reads_are_refused()
    {
        await using var product = Notes(longText: "chunk", chunks: new { table = "note_chunks", maxTokens = 800, overlapTokens = 80 });

        var refusal = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => product.Migrate());

        Assert.Contains("declare 200 or fewer", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wider_corpus_has_the_models_vectors_filled_up_with_zeros()
    {
        await _database.Execute("INSERT INTO notes VALUES (1, 'Order confirmation e-mail arrives hours late')");
        await using var product = Notes(dimensions: 1_536);

        await product.MigrateAndRun();

        var written = await _database.Ask<string>("SELECT embedding::text FROM notes");
        var vector = written!.Trim('[', ']').Split(',').Select(float.Parse).ToArray();
        var own = await shared.Embed("Order confirmation e-mail arrives hours late");
        Assert.All(vector[384..], value => Assert.Equal(0, value));
        Assert.True(SharedModel.Cosine(own, vector[..384]) >= 0.9999);
    }

    [Fact]
    public async Task A_narrower_corpus_is_refused_before_anything_is_changed()
    {
        await using var product = Notes(dimensions: 256);

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => product.Migrate());
        var findings = await product.Get<Doctor>().Examine([product.Corpus], default);
        var finding = Assert.Single(findings, finding => finding.Subject == "corpus notes");
        var file = CorpusFile.Examine(product.Get<EmbeddingSettings>().CorporaFile);
        var fault = Assert.Single((await product.Get<DeclaredCorpora>().Check(file, null, default)).Faults);

        const string Told = "the local model all-MiniLM-L6-v2 makes 384 dimensions, which do not fit into 256: "
            + "declare 384 or more, or set EMBEDDING_PROVIDER=lexical";
        string[] messages = [error.Message, finding.Message, fault.Message];
        Assert.All(messages, message => Assert.Contains(Told, message, StringComparison.Ordinal));
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM pg_class WHERE relname LIKE 'embedding%'"));
    }

    [Fact]
    public async Task Switching_between_lexical_and_local_is_a_change_of_rule()
    {
        await _database.Execute("INSERT INTO notes VALUES (1, 'a note')");
        await using var lexical = Notes(provider: ProviderChoice.Lexical);
        await lexical.MigrateAndRun();
        await using var local = Notes();

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => local.Run());
        await local.Migrate();
        var refused = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => local.Run());
        await local.Run(yesMix: true);

        Assert.Contains("and all-MiniLM-L6-v2 is chosen now", error.Message, StringComparison.Ordinal);
        Assert.Contains("notes.embedding has vectors of another model, 1 of 'lexical-1'", refused.Message, StringComparison.Ordinal);
        Assert.Equal("all-MiniLM-L6-v2", await _database.Ask<string>("SELECT embedding_model FROM notes"));
    }

    [Fact]
    public void A_host_without_the_model_says_what_to_set()
    {
        var settings = new EmbeddingSettings { Provider = ProviderChoice.Local, ProviderReason = "neither a key nor a base URL is set" };

        var error = Assert.Throws<SettingsException>(() => new ServiceCollection().AddEmbeddings(settings, _database.Source));
        new ServiceCollection().AddEmbeddings(settings with { IsEnabled = false }, _database.Source);

        const string Told = "The provider is local (neither a key nor a base URL is set), but this host does not carry the local model";
        Assert.Contains(Told, error.Message, StringComparison.Ordinal);
        Assert.Contains("set OPENAI_API_KEY or AZURE_OPENAI_ENDPOINT, or EMBEDDING_PROVIDER=lexical", error.Message,
            StringComparison.Ordinal);
    }

    private LocalProduct Notes(
        int dimensions = 384, string longText = "truncate", object? chunks = null, ProviderChoice provider = ProviderChoice.Local)
    {
        var table = new Dictionary<string, object> { ["kind"] = "note", ["table"] = "notes", ["text"] = "{body}", ["longText"] = longText };
        if (chunks is not null)
        {
            table["chunks"] = chunks;
        }

        var declaration = new { name = "notes", dimensions, maxCharacters = 100_000, tables = new[] { table } };
        return new LocalProduct(_database, shared.Model, declaration, provider);
    }
}
