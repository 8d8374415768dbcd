using System.Text.Json;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>The program under a role whose sight and writes policies of row security narrow.</summary>
public sealed class RowSecurityTests : IAsyncLifetime, IDisposable
{
    private const string Told =
        "row security applies to this role on t1: it may see, or change, only some of its rows; give the role BYPASSRLS, or policies for "
            + "SELECT and UPDATE with USING (true)";

    private readonly TestFolder _folder = new();
    private TestDatabase _database = null!;
    private string _role = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        _role = $"app_{_database.Name}";
        await _database.Execute(
            $"""
            CREATE ROLE {_role} LOGIN;
            CREATE TABLE t1 (id int PRIMARY KEY, tenant int, t text);
            INSERT INTO t1 SELECT n, n % 2, 'row ' || n FROM generate_series(1, 10) n;
            """);
        await File.WriteAllTextAsync(DeclarationFile, JsonSerializer.Serialize(new
        {
            corpora = new[]
            {
                new { name = "c", dimensions = 32, store = "column", tables = new[] { new { kind = "k", table = "t1", text = "{t}" } } },
            },
        }));
        (await Program(_database.ConnectionString).Run("migrate", "c")).Exits(0);
    }

    public async Task DisposeAsync()
    {
        await _database.Execute($"DROP OWNED BY {_role} CASCADE; DROP ROLE {_role}");
        await _database.DisposeAsync();
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("", "0")]
    [InlineData("CREATE POLICY own ON t1 USING (tenant = 0)", "5")]
    public async Task D4_where_policies_hide_rows_each_command_says_so_and_what_the_role_needs(string policies, string seen)
    {
        var program = await UnderPolicies(policies);

        Assert.Contains(Told, (await program.Run("corpus", "check")).Exits(2).Out, StringComparison.Ordinal);
        Assert.Contains($"FAIL corpus c: {Told}", (await program.Run("doctor")).Exits(1).Out, StringComparison.Ordinal);
        Assert.Contains($"FAIL {Told}", (await program.Run("status")).Exits(0).Out, StringComparison.Ordinal);
        (await program.Run("backfill", "c", "--dry-run")).Exits(0).Says($"Warning: {Told}.");
        (await program.Run("backfill", "c")).Exits(0).Says($"Warning: {Told}.").Says($"Found {seen} ");
        Assert.Equal(seen, await _database.Ask<string>("SELECT count(embedding)::text FROM t1"));
    }

    [Fact]
    public async Task D4_with_policies_that_hide_nothing_no_command_complains()
    {
        var program = await UnderPolicies("CREATE POLICY own ON t1 USING (true)");

        (await program.Run("corpus", "check")).Exits(0);
        (await program.Run("doctor")).Exits(0);
        Assert.DoesNotContain("Warning", (await program.Run("backfill", "c")).Exits(0).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task D5_a_backfill_over_rows_that_may_be_seen_and_not_updated_ends_with_3_and_the_reason()
    {
        var program = await UnderPolicies(
            "CREATE POLICY s ON t1 FOR SELECT USING (true); CREATE POLICY u ON t1 FOR UPDATE USING (tenant = 0)");

        var done = (await program.Run("backfill", "c")).Exits(3).Says("5 items failed");

        const string Reason = "a policy of row security lets this role see the row and not change it";
        Assert.Contains($"failed k:1: {Reason}", done.Out, StringComparison.Ordinal);
        Assert.Contains($"5 k: {Reason}", (await program.Run("status")).Exits(0).Out, StringComparison.Ordinal);
        Assert.Equal(5, await _database.Ask<long>("SELECT count(embedding) FROM t1 WHERE tenant = 0"));
        (await program.Run("backfill", "c")).Exits(3).Says("5 ks failed earlier and wait for their next attempt");
    }

    private string DeclarationFile => Path.Combine(_folder.Path, "c.json");

    private async Task<Program> UnderPolicies(string policies)
    {
        await _database.Execute(
            $"""
            GRANT USAGE ON SCHEMA public, embedding TO {_role};
            GRANT ALL ON ALL TABLES IN SCHEMA public, embedding TO {_role};
            ALTER TABLE t1 ENABLE ROW LEVEL SECURITY;
            {policies}
            """);
        return Program(new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Username = _role }.ConnectionString);
    }

    private Program Program(string database) =>
        new Program(_folder.Path).Set("DATABASE_URL", database).Set("CORPORA_FILE", DeclarationFile);
}
