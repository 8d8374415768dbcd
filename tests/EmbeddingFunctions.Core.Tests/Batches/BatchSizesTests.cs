using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Core.Tests.Resilience;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Core.Tests.Batches;

public sealed class BatchSizesTests
{
    private const string Kind = "article";

    private static readonly Corpus _corpus = new() { Name = "articles", Dimensions = 8, Tables = [] };

    private readonly ManualClock _time = new();
    private readonly RequestPacker _packer = new();
    private readonly BatchSizes _sizes;

    public BatchSizesTests() => _sizes = new BatchSizes(_packer, _time);

    private int Next => _sizes.Of(_corpus, Kind);

    [Fact]
    public void A_declared_size_is_kept()
    {
        var declared = _corpus with { BatchSize = 20 };
        for (var i = 0; i < 100; i++)
        {
            _sizes.Record(declared, Kind, new BatchTime(20, 20, 200, TimeSpan.FromSeconds(0.1), WasTooMuch: false));
        }

        Assert.Equal(20, _sizes.Of(declared, Kind));
    }

    [Fact]
    public void A_provider_that_takes_the_same_time_for_any_request_gets_full_ones()
    {
        Embed(batches: 100, items => 0.1);

        Assert.Equal(RequestPacker.MaxInputs, Next);
    }

    [Fact]
    public void A_provider_that_takes_a_time_for_each_text_keeps_the_first_size()
    {
        Embed(batches: 100, items => 0.01 * items);

        Assert.Equal(BatchSizes.First, Next);
    }

    [Fact]
    public void Growing_ends_where_a_larger_batch_embeds_no_more_a_second()
    {
        Embed(batches: 200, items => Math.Max(0.1, items * 0.1 / 256));

        Assert.Equal(256, Next);
    }

    [Fact]
    public void A_batch_is_halved_after_a_time_out_and_grows_again_later()
    {
        Embed(batches: 100, items => 0.1);

        _sizes.Record(_corpus, Kind, new BatchTime(2_048, 2_048, 0, TimeSpan.FromSeconds(60), WasTooMuch: true));
        Assert.Equal(1_024, Next);
        Embed(batches: 100, items => 0.1);
        Assert.Equal(1_024, Next);

        _time.Advance(TimeSpan.FromMinutes(3));
        Embed(batches: 100, items => 0.1);
        Assert.Equal(2_048, Next);
    }

    [Fact]
    public void Time_outs_lead_down_to_one_item()
    {
        for (var i = 0; i < 20; i++)
        {
            _sizes.Record(_corpus, Kind, new BatchTime(Next, Next, 0, TimeSpan.FromSeconds(60), WasTooMuch: true));
        }

        Assert.Equal(1, Next);
    }

    [Theory]
    [InlineData(450, 600)]
    [InlineData(5_000, 54)]
    [InlineData(400_000, 1)]
    public void A_batch_fits_into_one_request(int tokensPerItem, int expected)
    {
        Embed(batches: 100, items => 0.1, tokensPerItem);

        Assert.Equal(expected, Next);
    }

    [Fact]
    public void Fewer_inputs_that_a_provider_accepts_are_what_a_batch_has()
    {
        _packer.LearnInputs(8);

        Embed(batches: 100, items => 0.1);

        Assert.Equal(8, Next);
    }

    [Fact]
    public void Kinds_have_sizes_of_their_own()
    {
        Embed(batches: 100, items => 0.1);

        Assert.Equal(BatchSizes.First, _sizes.Of(_corpus, "note"));
    }

    [Fact]
    public void A_batch_that_found_little_to_do_says_nothing()
    {
        for (var i = 0; i < 100; i++)
        {
            _sizes.Record(_corpus, Kind, new BatchTime(3, 3, 30, TimeSpan.FromSeconds(0.01), WasTooMuch: false));
        }

        Assert.Equal(BatchSizes.First, Next);
    }

    private void Embed(int batches, Func<int, double> seconds, int tokensPerItem = 10)
    {
        for (var i = 0; i < batches; i++)
        {
            var items = Next;
            _sizes.Record(
                _corpus, Kind,
                new BatchTime(items, items, items * tokensPerItem, TimeSpan.FromSeconds(seconds(items)), WasTooMuch: false));
        }
    }

    [Fact]
    public void A_forecast_grows_as_batches_do_that_embed_more_items_a_second()
    {
        List<int> expected = [.. Enumerable.Repeat(64, 8), .. Enumerable.Repeat(128, 8), .. Enumerable.Repeat(256, 8)];
        Assert.Equal(expected, Forecast(expected.Count));
        Assert.Equal(2_048, Forecast(100)[^1]);
    }

    [Fact]
    public void A_forecast_divides_little_work_among_all_that_may_be_in_flight()
    {
        var forecast = _sizes.Forecast(_corpus, Kind, found: 160, concurrency: 5);
        Assert.Equal(33, forecast.Next);
        Assert.Equal(BatchSizes.Least, _sizes.Forecast(_corpus, Kind, found: 40, concurrency: 5).Next);
    }

    [Fact]
    public void A_forecast_stays_at_a_size_that_has_settled()
    {
        _sizes.Record(_corpus, Kind, new BatchTime(64, 64, 640, TimeSpan.FromSeconds(60), WasTooMuch: true));
        Assert.All(Forecast(40), size => Assert.Equal(32, size));
    }

    // Of batches one after the other, so that a page is one.
    private List<int> Forecast(int batches)
    {
        var forecast = _sizes.Forecast(_corpus with { PageSize = 1 }, Kind, found: 10_000_000, concurrency: 1);
        return Enumerable.Range(0, batches).Select(_ =>
        {
            var size = forecast.Next;
            forecast.Take(size);
            return size;
        }).ToList();
    }
}
