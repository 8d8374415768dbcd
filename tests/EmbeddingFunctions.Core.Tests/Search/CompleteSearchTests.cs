using System.Diagnostics;
using EmbeddingFunctions.Search;

namespace EmbeddingFunctions.Core.Tests.Search;

/// <summary>As many results come back as there are, whatever the index leaves out.</summary>
public sealed class CompleteSearchTests(ManyRows rows) : IClassFixture<ManyRows>
{
    private static SearchRequest Near => new()
    {
        Corpus = "notes",
        Vector = [.. Enumerable.Range(0, 384).Select(d => d == 0 ? 1f : 0f)],
        Mode = SearchMode.Vector,
    };

    [Fact]
    public async Task The_index_answers_in_order_and_a_tenant_of_ten_rows_gets_all_ten()
    {
        var plain = await rows.Search(Near);
        Assert.Equal(("index", 10), (plain.Plan.Vector, plain.Results.Count));
        Assert.Equal(
            plain.Results.Select(result => result.Similarity).OrderDescending(), plain.Results.Select(result => result.Similarity));
        foreach (var filter in new[] { SearchTest.Is("tenant", 2), new SearchFilter { Column = "tenant", GreaterThan = Json(1) } })
        {
            var few = await rows.Search(Near with { Where = [filter] });
            var exact = await rows.Search(Near with { Where = [filter], Exact = true });
            Assert.Equal(10, few.Results.Count);
            Assert.Equal(exact.Results.Select(result => result.Id), few.Results.Select(result => result.Id));
        }
    }

    [Fact]
    public async Task Where_the_index_falls_short_all_are_compared()
    {
        // The statistics are of before: the planner takes all rows for open.
        await rows.Database.Execute(
            "ALTER TABLE notes SET (autovacuum_enabled = false); UPDATE notes SET state = 'closed' WHERE id % 400 <> 0");

        var answer = await rows.Search(Near with { Where = [SearchTest.Is("state", "open")], Limit = 20 });

        Assert.Equal((20, "index, exact"), (answer.Results.Count, answer.Plan.Vector));
    }

    [Fact]
    public async Task A_threshold_that_nothing_meets_costs_no_more_than_the_search()
    {
        await rows.Search(Near);
        var (plain, none) = (await Fastest(Near), await Fastest(Near with { MinSimilarity = 0.99999 }));

        Assert.Empty((await rows.Search(Near with { MinSimilarity = 0.99999 })).Results);
        Assert.True(none < plain * 3, $"{none} ms against {plain} ms");
    }

    [Fact]
    public async Task The_exact_pass_uses_no_index_though_settings_of_the_first_were_made()
    {
        var plans = await Plans();

        Assert.Contains(plans, plan => plan.Contains("embedding_hnsw", StringComparison.Ordinal));
        var exact = plans.Where(plan => plan.Contains("+ '0'::double precision", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(exact);
        Assert.All(exact, plan => Assert.DoesNotContain("embedding_hnsw", plan, StringComparison.Ordinal));
    }

    // Both passes in one transaction, as a caller of the SQL functions may have them.
    private async Task<List<string>> Plans()
    {
        var plans = new List<string>();
        await using var connection = await rows.Database.Source.OpenConnectionAsync();
        connection.Notice += (_, notice) => plans.Add(notice.Notice.MessageText);
        await using var transaction = await connection.BeginTransactionAsync();
        foreach (var sql in new[]
        {
            "LOAD 'auto_explain'", "SET LOCAL auto_explain.log_min_duration = 0", "SET LOCAL auto_explain.log_nested_statements = on",
            "SET LOCAL auto_explain.log_level = notice", "SET LOCAL client_min_messages = notice",
            """
            SELECT count(i.ids), count(e.ids)
            FROM   jsonb_array_elements(embedding.search_corpus('notes') -> 'kinds') AS kind,
                   embedding.search_by_index(kind, array_fill(0.1::real, ARRAY[384]), 100, 'true', false) i,
                   embedding.search_exactly(kind, array_fill(0.1::real, ARRAY[384]), 100, 'true', false) e
            """,
        })
        {
            await using var command = connection.CreateCommand();
            command.CommandText = sql;
            await command.ExecuteNonQueryAsync();
        }

        return plans;
    }

    private async Task<double> Fastest(SearchRequest request)
    {
        var fastest = double.MaxValue;
        for (var i = 0; i < 7; i++)
        {
            var begun = Stopwatch.GetTimestamp();
            await rows.Search(request);
            fastest = Math.Min(fastest, Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
        }

        return fastest;
    }

    private static System.Text.Json.JsonElement Json(object value) => System.Text.Json.JsonSerializer.SerializeToElement(value);
}
