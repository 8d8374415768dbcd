using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>Vectors that were lost come back, each for what it costs and no more.</summary>
public sealed class LostVectorTests : ClipsTest
{
    private const string LoseAll = "UPDATE clips SET embedding = NULL";
    private const string ForgetCache = "DELETE FROM embedding.cache";

    [Fact]
    public async Task All_of_them_come_back_out_of_the_cache_though_the_provider_refuses_everything()
    {
        await Clips(60, "1 day");
        await Backfill();
        await Database.Execute(LoseAll);
        using var full = Fake.Script(Requests.All, Fault.RateLimited(TimeSpan.FromMinutes(1)));

        var healed = await Backfill();

        Assert.Equal((RunStatus.Completed, 60, 0), (healed.Status, healed.Counts.Embedded, healed.Counts.Requests));
        await AssertWhole(60);
    }

    [Fact]
    public async Task Those_that_the_cache_has_lost_too_come_back_slowly_under_a_provider_that_refuses_two_requests_of_three()
    {
        await Clips(60, "1 day");
        await Backfill();
        await Database.Execute(LoseAll);
        await Database.Execute(ForgetCache);
        var paid = Fake.PaidInputCount;
        using var full = Fake.Script(
            Requests.Where(request => request.Number % 3 != 0), Fault.RateLimited(TimeSpan.FromMilliseconds(50)));

        var healed = await Backfill(Request() with { BatchSize = 10 });

        Assert.Equal((RunStatus.Completed, 60, 0), (healed.Status, healed.Counts.Embedded, healed.Counts.Failed));
        Assert.Equal(60, Fake.PaidInputCount - paid);
        await AssertWhole(60);
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 1)]
    public async Task One_of_them_costs_one_text_at_most(bool isCached, int paid)
    {
        await Clips(60, "1 day");
        await Backfill();
        var before = Fake.PaidInputCount;
        await Database.Execute($"{LoseAll} WHERE title = 'clip 1 day 7'");
        if (!isCached)
        {
            await Database.Execute(ForgetCache);
        }

        Assert.Equal((1, 1), await Scheduled());

        Assert.Equal(paid, Fake.PaidInputCount - before);
        await AssertWhole(60);
    }

    private async Task AssertWhole(int clips) =>
        Assert.Equal(clips, await Database.Ask<long>("SELECT count(*) FROM clips WHERE embedding IS NOT NULL"));
}
