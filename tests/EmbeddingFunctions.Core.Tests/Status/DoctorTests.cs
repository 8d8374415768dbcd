using EmbeddingFunctions.Cli;
using EmbeddingFunctions.Cli.Status;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Status;

public sealed class DoctorTests
{
    [Fact]
    public async Task All_is_well()
    {
        await using var database = await TestDatabase.Migrated();
        await using var fake = await FakeOpenAi.StartAsync();

        var findings = await Examine(database.Source, fake);

        Assert.Equal(
            ["database", "extension", "corpus workspace", "other corpora", "provider"], findings.Select(finding => finding.Subject));
        Assert.All(findings, finding => Assert.True(finding is { IsWell: true, Advice: null }, finding.Message));
        Assert.Matches($@"^Postgres \d+\.\d+.*, {database.Name} on 127\.0\.0\.1:\d+$", findings[0].Message);
        Assert.Matches(@"^pgvector \d+\.\d+", findings[1].Message);
        Assert.Equal("issues, pull_requests, discussions: vector(384) by text-embedding-3-small", findings[2].Message);
        Assert.Equal($"{new Uri(fake.BaseUrl).Authority}, text-embedding-3-small, 384 dimensions", findings[4].Message);
        Assert.Equal(1, fake.RequestCount);
    }

    [Fact]
    public async Task A_database_that_does_not_answer_is_reported_without_its_password_and_the_provider_is_looked_at_all_the_same()
    {
        await using var source = Database.Open("Host=127.0.0.1;Port=1;Username=ann;Password=s3cr-et;Database=shop;Timeout=2");
        await using var fake = await FakeOpenAi.StartAsync();

        var findings = await Examine(source, fake);

        Assert.Equal([("database", false), ("provider", true)], findings.Select(finding => (finding.Subject, finding.IsWell)));
        Assert.Contains("127.0.0.1:1", findings[0].Message, StringComparison.Ordinal);
        Assert.Contains("DATABASE_URL", findings[0].Advice, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cr-et", findings[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_is_not_there_is_reported()
    {
        await using var database = await TestDatabase.Empty();
        await using var source = Database.Open(
            new NpgsqlConnectionStringBuilder(database.ConnectionString) { Database = "no_such_database" }.ConnectionString);
        await using var fake = await FakeOpenAi.StartAsync();

        Assert.Contains("\"no_such_database\" does not exist", (await Examine(source, fake))[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_without_any_table_of_the_shipped_corpora_leads_to_a_declaration()
    {
        await using var database = await TestDatabase.Empty();
        await using var fake = await FakeOpenAi.StartAsync();

        var findings = await Examine(database.Source, fake);

        Assert.Equal(
            [("database", true), ("extension", true), ("corpora", false), ("provider", true)],
            findings.Select(finding => (finding.Subject, finding.IsWell)));
        Assert.Contains("embeddings corpus init TABLE", findings[2].Advice, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_with_some_of_a_corpus_tables_names_the_missing_one()
    {
        await using var database = await TestDatabase.Empty();
        await database.Execute("CREATE TABLE pull_requests (id uuid PRIMARY KEY, title text, body text)");
        await using var fake = await FakeOpenAi.StartAsync();

        var findings = await Examine(database.Source, fake);

        Assert.Equal(["database", "extension", "corpus workspace", "provider"], findings.Select(finding => finding.Subject));
        Assert.Contains("there is no table 'issues'", findings[2].Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_was_not_migrated_says_what_to_do()
    {
        await using var database = await TestDatabase.Migrated();
        await database.Execute("DELETE FROM embedding.rules");
        await using var fake = await FakeOpenAi.StartAsync();

        Assert.Contains(
            "run 'embeddings migrate workspace' first", (await Examine(database.Source, fake))[2].Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_column_of_another_width_is_reported()
    {
        await using var database = await TestDatabase.Migrated();
        await database.Execute(
            "DROP VIEW items_needing_embeddings_priority; DROP INDEX embedding_hnsw_issues; ALTER TABLE issues ALTER COLUMN embedding "
                + "TYPE vector(1536)");
        await using var fake = await FakeOpenAi.StartAsync();

        Assert.Contains(
            "the column issues.embedding is vector(1536), the corpus says vector(384)", (await Examine(database.Source, fake))[2].Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_trigger_whose_changes_no_edit_trigger_can_note_is_reported()
    {
        await using var database = await TestDatabase.Migrated();
        await database.Execute(
            """
            CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.body := clock_timestamp()::text; RETURN NEW; END';
            CREATE TRIGGER aa_stamp BEFORE UPDATE ON issues FOR EACH ROW EXECUTE FUNCTION stamp();
            CREATE TRIGGER zzzz_stamp BEFORE UPDATE ON issues FOR EACH ROW EXECUTE FUNCTION stamp();
            """);
        await using var fake = await FakeOpenAi.StartAsync();

        Assert.Contains(
            "triggers of issues (zzzz_stamp) run after the one that notes edits", (await Examine(database.Source, fake))[2].Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_key_that_the_provider_refuses_is_reported_without_the_key()
    {
        const string Wrong = "sk-wrong-canary-987654321";
        await using var database = await TestDatabase.Migrated();
        await using var fake = await FakeOpenAi.StartAsync(new FakeOpenAiOptions { EchoWholeKey = true });

        var finding = (await Examine(database.Source, fake, settings => settings with { ApiKey = Wrong }))[^1];

        Assert.Equal(("provider", false), (finding.Subject, finding.IsWell));
        Assert.Contains("OPENAI_API_KEY", finding.Advice, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", finding.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(Wrong[..8], finding.ToString(), StringComparison.Ordinal);
        Assert.Equal(1, fake.RequestCount);
    }

    [Fact]
    public async Task A_model_that_the_provider_does_not_have_is_reported()
    {
        await using var database = await TestDatabase.Migrated();
        await using var fake = await FakeOpenAi.StartAsync();

        var findings = await Examine(database.Source, fake, settings => settings with { Model = "no-such-model" });

        Assert.Equal([true, true, false, true, false], findings.Select(finding => finding.IsWell));
        Assert.Contains("'embeddings backfill workspace --yes-mix'", findings[2].Message, StringComparison.Ordinal);
        Assert.Contains("no-such-model", findings[4].Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_lexical_provider_says_what_it_is()
    {
        await using var database = await TestDatabase.Empty();
        await using var fake = await FakeOpenAi.StartAsync();

        var finding = (await Examine(database.Source, fake, settings => settings with { Provider = ProviderChoice.Lexical }))[^1];

        Assert.Equal("lexical (hashed words, for trials), lexical-1, 384 dimensions", finding.Message);
        Assert.Equal(0, fake.RequestCount);
    }

    private static async Task<IReadOnlyList<Finding>> Examine(
        NpgsqlDataSource source, FakeOpenAi fake, Func<EmbeddingSettings, EmbeddingSettings>? change = null)
    {
        var settings = new EmbeddingSettings
        {
            Provider = ProviderChoice.OpenAi,
            ProviderReason = "test",
            ApiKey = fake.ApiKey,
            BaseUrl = new Uri(fake.BaseUrl + "/")
        };
        await using var services = new ServiceCollection().AddEmbeddings(change?.Invoke(settings) ?? settings, source)
            .AddCommands().BuildServiceProvider();
        return await services.GetRequiredService<Doctor>().Examine(services.GetRequiredService<CorpusSet>().All, default);
    }
}
