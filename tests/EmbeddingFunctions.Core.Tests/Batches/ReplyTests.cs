using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>Replies that are wrong, once and always, for all texts and for one.</summary>
public sealed class ReplyTests(BatchDatabase shared) : BatchTest(shared)
{
    public static TheoryData<Fault> WrongReplies => new(
        Fault.DropVector(3), Fault.ExtraVector(), Fault.DuplicateIndex(), Fault.OutOfRangeIndex(), Fault.NegativeIndex(),
        Fault.MixedDimensions(2),
        Fault.NaN(1), Fault.Infinity(4), Fault.ZeroVector(0), Fault.NearZero(2), Fault.NullElement(1), Fault.BadBase64(2),
        Fault.EmptyBase64(0),
        Fault.EmptyData(), Fault.Html200(), Fault.ErrorObject200(), Fault.CutJson(), Fault.TruncatedBody(), Fault.ResetMidBody());

    [Theory]
    [MemberData(nameof(WrongReplies))]
    public async Task A_wrong_reply_is_asked_for_again_and_nothing_of_it_is_written(Fault fault)
    {
        await Workspace.Items(Repository, 5);
        Fake.Script(Requests.Next(1), fault);

        var batch = await Embed();

        Assert.Equal((5, 0), (batch.Counts.Embedded, batch.Counts.Failed));
        Assert.Equal((0, Fake.RequestCount), (await Workspace.Pending(), batch.Counts.Requests));
        await AssertNothingStale();
        await AssertNoneCharged();
    }

    public static TheoryData<Fault> HopelessReplies => new(
        Fault.DropVector(0), Fault.ExtraVector(), Fault.OutOfRangeIndex(), Fault.NullElement(0), Fault.EmptyData(), Fault.Html200(),
        Fault.ErrorObject200());

    [Theory]
    [MemberData(nameof(HopelessReplies))]
    public async Task A_provider_that_answers_nothing_well_is_left_alone_and_no_attempt_is_charged(Fault fault)
    {
        await Workspace.Items(Repository, 5);
        Fake.Script(Requests.All, fault);

        var batch = await Embed();

        Assert.InRange(batch.RetryAt!.Value - Worker.Time.GetUtcNow(), TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(30));
        Assert.Contains("reply is not what was asked for", batch.RetryReason, StringComparison.Ordinal);
        Assert.Equal((0, 5), (batch.Counts.Claimed, await Workspace.Pending()));
        Assert.InRange(Fake.RequestCount, 1, 4);
        await AssertNoneCharged();
    }

    public static TheoryData<Fault> SpoilingReplies => new(
        Fault.DropVector(), Fault.MixedDimensions(), Fault.NaN(), Fault.ZeroVector(), Fault.BadBase64(), Fault.EmptyBase64());

    [Theory]
    [MemberData(nameof(SpoilingReplies))]
    public async Task A_text_that_always_spoils_its_reply_is_found_and_the_others_are_embedded(Fault fault)
    {
        await Workspace.Items(Repository, 3);
        var poison = await Workspace.Item(Repository, "poison");
        Fake.Script(Requests.WithInput(text => text.Contains("poison", StringComparison.Ordinal)), fault);

        var batch = await Embed();

        Assert.Equal((3, 1), (batch.Counts.Embedded, batch.Counts.Failed));
        Assert.False((await Failure(poison)).IsDead);
        Assert.Equal(3, await Workspace.Embedded());
        await AssertNothingStale();
    }

    [Fact]
    public async Task A_text_that_spoils_its_reply_is_found_when_it_is_alone()
    {
        var poison = await Workspace.Item(Repository, "poison");
        Fake.Script(Requests.WithInput(text => text.Contains("poison", StringComparison.Ordinal)), Fault.EmptyData());

        var batch = await Embed();

        Assert.Equal((1, (DateTimeOffset?)null), (batch.Counts.Failed, batch.RetryAt));
        Assert.Contains("0 vectors for 1 inputs", (await Failure(poison)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_provider_that_turns_bad_in_the_middle_of_a_batch_is_not_laid_at_a_texts_door()
    {
        await Workspace.Items(Repository, 20);
        Fake.Script(Requests.Number(1), Fault.BadInput());
        Fake.Script(Requests.Where(request => request.Number > 2), Fault.Html200());

        var batch = await Embed();

        Assert.Equal((10, 0, 10), (batch.Counts.Embedded, batch.Counts.Failed, await Workspace.Pending()));
        Assert.NotNull(batch.RetryAt);
        await AssertNoneCharged();
    }

    [Fact]
    public async Task Vectors_in_another_order_find_their_rows()
    {
        await Workspace.Items(Repository, 20);
        Fake.Script(Requests.All, Fault.Shuffle());

        Assert.Equal((20, 1), ((await Embed()).Counts.Embedded, Fake.RequestCount));

        await AssertNothingStale();
    }

    [Fact]
    public async Task Floats_are_as_good_as_base64()
    {
        await Workspace.Items(Repository, 3);
        Fake.Script(Requests.All, Fault.FloatsThoughBase64Asked());

        Assert.Equal((3, 1), ((await Embed()).Counts.Embedded, Fake.RequestCount));

        await AssertNothingStale();
    }

    [Fact]
    public async Task A_mixture_of_all_that_can_go_wrong_writes_nothing_wrong()
    {
        await Workspace.Items(Repository, 40);
        Fake.Script(Requests.AtRandom(0.5, seed: 11), Fault.OneOf(11,
            Fault.DropVector(1), Fault.DuplicateIndex(), Fault.NaN(0), Fault.ZeroVector(1), Fault.Shuffle(), Fault.MixedDimensions(0),
            Fault.BadBase64(1),
            Fault.BadInput()));
        for (var i = 0; i < 8; i++)
        {
            await Embed(10);
            await LetFailuresRetry();
            await AssertNothingStale();
        }

        Fake.ClearScript();
        while (await Workspace.Pending() > 0)
        {
            await Embed();
            await LetFailuresRetry();
        }

        Assert.Equal(40, await Workspace.Embedded() + await Count("issues WHERE embedding_state = 'failed'"));
        await AssertNothingStale();
    }
}
