using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Faults;

/// <summary>An oracle that finds nothing wrong is worth what it finds when something is.</summary>
public sealed class OracleTests : FaultTest
{
    [Theory]
    [InlineData("UPDATE issues SET embedding = NULL, embedding_state = 'failed' WHERE title LIKE '% 1'", "I1 an item has no vector")]
    [
        InlineData(
            "UPDATE issues a SET embedding = b.embedding FROM issues b WHERE a.title LIKE '% 1' AND b.title LIKE '% 2'",
            "I2 I3 a vector is not of its item's text")]
    [InlineData("UPDATE issues SET embedding_rule = NULL WHERE title LIKE '% 1'", "I1 an item is pending")]
    [InlineData("UPDATE workspaces SET is_active = false", "I2 an item outside every active partition has a vector")]
    [InlineData("UPDATE issues SET title = ' ', body = NULL", "I2 an item without text has a vector")]
    [
        InlineData(
            "INSERT INTO embedding.claims (corpus, kind, item_id, partition, token, leased_until) VALUES ('workspace', 'issue', 'x', 'y', "
                + "gen_random_uuid(), now())",
            "I1 1 claims are held")]
    [InlineData("UPDATE issues SET embedding = embedding WHERE title LIKE '% 1'", "without its claim")]
    [InlineData("UPDATE embedding.requests SET tokens = tokens - 1, outcome = 'answered'", "I9 the provider billed")]
    [InlineData("DELETE FROM embedding.requests", "I9 the provider billed")]
    [InlineData("UPDATE embedding.requests SET tokens = tokens + 1, outcome = 'answered'", "I9 the provider billed")]
    public async Task What_is_wrong_is_found(string statement, string problem)
    {
        await Fill(1, 5);
        // The ledger is whole when it has ended.
        await using (var engine = new TestEngine(Database, Fake))
        {
            await engine.Run();
        }

        await Oracle.AssertHolds();

        await Database.Execute(statement);

        Assert.Contains(await Oracle.Violations(0), found => found.Contains(problem, StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_paid_twice_is_found()
    {
        await Fill(1, 5);
        await using var engine = new TestEngine(Database, Fake);
        await engine.Run();
        await Database.Execute("UPDATE issues SET embedding = NULL; DELETE FROM embedding.cache; DELETE FROM audit");
        await engine.Run();

        Assert.Equal("I4 5 inputs were paid twice, 4 may have been", Assert.Single(await Oracle.Violations(4)));
        await Oracle.AssertHolds(5);
    }

    [Fact]
    public async Task A_key_is_found_in_a_table_and_in_a_text()
    {
        Assert.Empty(await Canary.In(Database));
        await Database.Execute("INSERT INTO embedding.start_slots VALUES ($1, now())", $"Bearer {Uri.EscapeDataString(Canary.Key)}");

        Assert.Equal(["embedding.start_slots"], await Canary.In(Database));
        Assert.True(Canary.IsIn($"{Canary.Key[..8]}…"));
    }
}
