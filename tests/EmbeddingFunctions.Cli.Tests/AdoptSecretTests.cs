using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>The address of another database may hold a password, which no output and no table shows.</summary>
public sealed class AdoptSecretTests : CorpusTest
{
    private const string Secret = "canary7f3a9c51";
    private const string Url = $"postgres://{Secret}user:{Secret}@127.0.0.1:1/archive";

    [Theory]
    [InlineData("--from", Url)]
    [InlineData("--from", "old.v", "--from-database", $"postgres://u:{Secret}@127.0.0.1:1/archive?nonsense={Secret}")]
    [InlineData("--from", "old.v", Url)]
    [InlineData("--from", "old.v", "--where", Url)]
    [InlineData("--from", "old.v", "--from-database", Url)]
    public async Task An_address_that_leads_nowhere_is_not_repeated(params string[] options)
    {
        var program = await Migrated();

        var refused = (await program.Run(["adopt", "articles", "--model", "text-embedding-3-small", .. options])).Exits(2);

        Assert.DoesNotContain(Secret, refused.Out + refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_database_is_named_by_its_name_and_server_alone()
    {
        await using var other = await TestDatabase.Empty();
        await other.Execute("CREATE EXTENSION vector; CREATE TABLE old (id bigint, v real[])");
        foreach (var (id, text) in new[] { (1L, "First. words"), (2L, "Second"), (3L, "only a body") })
        {
            await other.Execute("INSERT INTO old VALUES ($1, $2)", id, FakeVector.Of(text, "text-embedding-3-small", 1536));
        }

        var (program, server) = (await Migrated(), new NpgsqlConnectionStringBuilder(other.ConnectionString));
        server.ApplicationName = Secret;

        var done = (await program.Run(
            "adopt", "articles", "--from", "old.v", "--from-database", server.ConnectionString, "--model", "text-embedding-3-small",
            "--yes")).Exits(0);

        Assert.Contains(
            $"Adopted 3 vectors of public.old.v of {other.Name} on {server.Host}:{server.Port}", done.Out, StringComparison.Ordinal);
        var status = (await program.Run("status", "articles", "--json")).Exits(0);
        var recorded = await Target.Ask<string>("SELECT string_agg(a::text, '') FROM embedding.adoptions a");
        Assert.Contains(other.Name, recorded, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, done.Out + done.Error + status.Out + status.Error + recorded, StringComparison.Ordinal);
    }

    private async Task<Program> Migrated()
    {
        (await Run("corpus", "init", "blog.articles", "--output", Declared)).Exits(0);
        var program = Program().Set("CORPORA_FILE", Declared);
        (await program.Run("migrate", "articles")).Exits(0);
        return program;
    }
}
