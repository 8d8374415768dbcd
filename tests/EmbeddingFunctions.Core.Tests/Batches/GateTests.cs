namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>What is not paid for: the empty, the unchanged, the repeated.</summary>
public sealed class GateTests(BatchDatabase shared) : BatchTest(shared)
{
    public static TheoryData<string, string?> Empties => new()
    {
        { "", null },
        { "", "" },
        { " \t ", "\r\n\u00a0" },
        { "\u0001\u007f", null },
        { "\u0085 \u0002", "\u0003" },
    };

    [Theory]
    [MemberData(nameof(Empties))]
    public async Task An_item_without_text_is_skipped_and_no_request_carries_it(string title, string? body)
    {
        await Workspace.Item(Repository, title, body);

        var batch = await Embed();

        Assert.Equal((1, 0, 0), (batch.Counts.Empty, batch.Counts.Requests, Fake.RequestCount));
        Assert.Equal((0, 0), (await Workspace.Pending(), await Workspace.Embedded()));
        Assert.Equal(["empty", 64], (await Database.Rows("SELECT embedding_state, length(content_hash) FROM issues"))[0]);
        await AssertNoneCharged();
    }

    [Fact]
    public async Task An_item_that_lost_its_text_loses_its_vector()
    {
        var id = await Workspace.Item(Repository, "text");
        await Embed();
        Assert.Equal(1, await Count("similarity_cache"));

        await Edit(id, "", "");
        await Embed();

        Assert.Equal((0, 0, 0), (await Workspace.Embedded(), await Workspace.Pending(), await Count("similarity_cache")));
        Assert.Equal(1, Fake.RequestCount);
    }

    [Fact]
    public async Task An_item_whose_text_came_back_is_embedded_again()
    {
        var id = await Workspace.Item(Repository, "", "");
        await Embed();

        await Edit(id, "text");
        var batch = await Embed();

        Assert.Equal(1, batch.Counts.Embedded);
        await AssertNothingStale();
    }

    [Fact]
    public async Task A_touch_without_an_edit_costs_nothing_and_marks_fresh()
    {
        await Workspace.Items(Repository, 3);
        await Embed();
        await Database.Execute("UPDATE issues SET updated_at = now() + interval '1 hour'");
        Assert.Equal(3, await Workspace.Pending());

        var batch = await Embed();

        Assert.Equal((3, 0), (batch.Counts.Unchanged, batch.Counts.Requests));
        Assert.Equal((1, 3), (Fake.RequestCount, Fake.PaidInputCount));
        Assert.Equal(0, await Workspace.Pending());
        await AssertNothingStale();
    }

    [Fact]
    public async Task An_edit_that_was_taken_back_costs_nothing()
    {
        var id = await Workspace.Item(Repository, "first", "body");
        await Embed();
        await Edit(id, "second");
        await Edit(id, "first", "body");
        Assert.Equal(1, await Workspace.Pending());

        var batch = await Embed();

        Assert.Equal((1, 1), (batch.Counts.Unchanged, Fake.RequestCount));
        await AssertNothingStale();
    }

    [Fact]
    public async Task An_edit_that_normalises_away_costs_nothing()
    {
        var id = await Workspace.Item(Repository, "text", "body");
        await Embed();

        await Edit(id, "text", "body \n\n");
        var batch = await Embed();

        Assert.Equal((1, 1), (batch.Counts.Unchanged, Fake.RequestCount));
    }

    [Fact]
    public async Task The_same_text_in_many_rows_is_one_input()
    {
        for (var i = 0; i < 10; i++)
        {
            await Workspace.Item(Repository, "same", "body");
            await Workspace.Item(Repository, "same ", "body" + (i % 2 == 0 ? " " : ""));
        }

        var batch = await Embed();

        Assert.Equal((20, 1), (batch.Counts.Embedded, Fake.RequestCount));
        Assert.Equal(2, Fake.PaidInputCount);
        Assert.Equal(20, await Workspace.Embedded());
    }

    [Fact]
    public async Task The_same_words_as_another_kind_are_another_text()
    {
        await Workspace.Item(Repository, "same", "body");
        await Workspace.Item(Repository, "same", "body", "pull_requests");
        await Embed();
        await Embed(await Order(kind: "pull_request"));

        Assert.Equal(["[ISSUE] same body", "[PULL_REQUEST] same body"], Fake.PaidInputs.Keys.Order());
    }

    [Fact]
    public async Task A_forced_batch_embeds_what_is_fresh_as_well_but_once_only()
    {
        await Workspace.Items(Repository, 3);
        await Embed();
        // By the worker's clock, which is far ahead: by it the cache knows what it holds.
        var now = Worker.Time.GetUtcNow().AddSeconds(1);

        Assert.Equal(3, (await Embed(await Order(forceBefore: now))).Counts.Embedded);

        Assert.Equal(2, Fake.RequestCount);
        await Database.Execute("UPDATE issues SET embedding_generated_at = now() + interval '1 day'");
        Assert.Equal(0, (await Embed(await Order(forceBefore: now))).Counts.Claimed);
    }

    [Fact]
    public async Task What_is_sent_is_cut_at_the_corpus_limit_between_characters()
    {
        var body = new string('x', 1_986) + "😀😀😀";
        await Workspace.Item(Repository, "1234", body);

        await Embed();

        var sent = Assert.Single(Fake.PaidInputs.Keys);
        Assert.Equal("[ISSUE] 1234 " + new string('x', 1_986), sent);
        Assert.Equal(1_999, sent.Length);
    }

    [Fact]
    public async Task Vectors_are_kept_with_what_they_were_made_of()
    {
        await Workspace.Item(Repository, "one");
        await Embed();

        var row = Assert.Single(await Database.Rows(
            """
            SELECT i.embedding_model, length(i.content_hash), i.embedding_state, i.embedding_generated_at >= i.updated_at,
                   i.embedding_rule = r.rule,
                   c.embedding = i.embedding AND c.content_hash = i.content_hash
            FROM   issues i, embedding.rules r, similarity_cache c WHERE r.kind = 'issue' AND c.item_type = 'issue' AND c.item_id = i.id
            """));
        Assert.Equal(["text-embedding-3-small", 64, "embedded", true, true, true], row);
    }
}
