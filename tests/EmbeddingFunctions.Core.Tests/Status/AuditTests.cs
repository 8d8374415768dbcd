using EmbeddingFunctions.Core.Tests.Runs;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Status;

namespace EmbeddingFunctions.Core.Tests.Status;

/// <summary>What an audit finds, it repairs by the same condition, and a second one finds nothing.</summary>
public sealed class AuditTests : RunTest
{
    private const string Corpus = "workspace";

    private Audit Audit => Engine.Get<Audit>();

    [Theory]
    [InlineData("otherText", "content_hash = repeat('0', 64)")]
    [InlineData("noVector", "embedding = NULL")]
    [InlineData("noProvenance", "embedding_model = NULL")]
    [InlineData("noProvenance", "embedding_state = 'ignored'")]
    [InlineData("unusable", "embedding = array_fill(0::real, ARRAY[384])::vector")]
    [InlineData("otherLength", "embedding = (SELECT array_agg(2 * c ORDER BY n) FROM unnest(embedding::real[]) WITH ORDINALITY u (c, n))")]
    public async Task A_wrong_row_is_found_made_pending_and_embedded_again(string problem, string set)
    {
        await Embed(20);
        await Database.Execute($"UPDATE issues SET {set} WHERE title IN ('item 3', 'item 7')");

        Assert.Contains(new AuditFinding("issue", problem, 2), (await Look()).Findings);
        Assert.Contains(new AuditFinding("issue", problem, 2), (await Look()).Findings);
        var repaired = await Audit.Of(Corpus, isRepaired: true, default);
        Assert.Equal((2L, 0L), (repaired.Found["issue"], repaired.Refused));
        Assert.Empty((await Look()).Findings);

        Assert.Equal(2, (await Engine.Run()).Counts.Embedded);
        Assert.Empty((await Look()).Findings);
        Assert.Empty(await Workspace.Stale());
        Assert.Equal(20, await Workspace.Embedded());
    }

    [Fact]
    public async Task What_is_well_or_pending_is_not_found()
    {
        await Embed(20);
        await Database.Execute("UPDATE issues SET title = 'edited' WHERE title = 'item 3'");
        await Workspace.Items(await Workspace.Repository("acme/two"), 5, words: "new");

        Assert.Empty((await Look()).Findings);
    }

    [Fact]
    public async Task What_is_left_of_rows_that_are_gone_or_changed_is_deleted_and_nothing_else()
    {
        await Embed(20);
        await Database.Execute("DELETE FROM issues WHERE title = 'item 3'");
        await Database.Execute(
            "UPDATE similarity_cache SET content_hash = 'of another text' WHERE item_id = (SELECT id::text FROM issues LIMIT 1)");
        await Database.Execute(
            """
            INSERT INTO embedding.claims (corpus, kind, item_id, partition, token, leased_until, reason)
            SELECT 'workspace', 'issue', id, '', token, leased_until, reason
            FROM  (SELECT gen_random_uuid()::text AS id, NULL::uuid AS token, NULL::timestamptz AS leased_until, 'its row is gone' AS reason
                   UNION ALL SELECT id::text, gen_random_uuid(), now() - interval '2 hours', NULL FROM issues WHERE title = 'item 1'
                   UNION ALL SELECT id::text, gen_random_uuid(), now() + interval '1 minute', NULL FROM issues WHERE title = 'item 2'
                   UNION ALL SELECT id::text, NULL, NULL, 'it failed' FROM issues WHERE title = 'item 4') c
            """);

        AuditFinding[] expected = [new("issue", "deadClaim", 2), new("issue", "staleCopy", 2)];
        Assert.Equal(expected, (await Look()).Findings);
        Assert.Equal(expected, (await Audit.Of(Corpus, isRepaired: true, default)).Findings);

        Assert.Empty((await Look()).Findings);
        Assert.Equal(2, await Database.Ask<long>("SELECT count(*) FROM embedding.claims"));
        Assert.Equal(18, await Database.Ask<long>("SELECT count(*) FROM similarity_cache"));
    }

    [Fact]
    public async Task An_invalid_index_is_found_and_built()
    {
        await Embed(20);
        await Database.Execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid::regclass::text LIKE '%hnsw%' AND indrelid = 'issues'::regclass");

        Assert.Equal([new AuditFinding(null, "invalidIndex", 1)], (await Look()).Findings);
        await Audit.Of(Corpus, isRepaired: true, default);

        Assert.Empty((await Look()).Findings);
    }

    [Fact]
    public async Task Another_model_of_the_provider_shows_as_drift()
    {
        await Embed(30);
        var requests = Fake.RequestCount;

        var same = Assert.Single(await Audit.Sample(Corpus, 10, default));
        Assert.Equal((10, false), (same.Cosines.Items, same.IsDrift));
        Assert.InRange(same.Cosines.Min, 0.9999, 1.0001);
        Assert.Equal(requests + 1, Fake.RequestCount);

        await Database.Execute(
            "UPDATE issues SET embedding = (SELECT array_agg(c ORDER BY n DESC) FROM unnest(embedding::real[]) WITH ORDINALITY u (c, n))");
        var other = Assert.Single(await Audit.Sample(Corpus, 10, default));
        Assert.True(other.IsDrift);
        Assert.NotEmpty(other.Cosines.Worst);
    }

    private Task<AuditedCorpus> Look() => Audit.Of(Corpus, isRepaired: false, default);

    private async Task Embed(int items)
    {
        await Workspace.Items(await Workspace.Repository(), items);
        Assert.Equal(RunStatus.Completed, (await Engine.Run()).Status);
        Assert.Empty((await Look()).Findings);
    }
}
