using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Settings;

namespace EmbeddingFunctions.Core.Tests.Costs;

public sealed class PriceTableTests
{
    private const string Dated =
        """
        { "models": { "m": [ { "from": "2020-01-01", "perMillion": 1, "batchFactor": 0.25 }, { "from": "2999-01-01", "perMillion": 9 } ] } }
        """;

    [Theory]
    [InlineData("text-embedding-3-small", false, 0.02)]
    [InlineData("text-embedding-3-small", true, 0.01)]
    [InlineData("text-embedding-3-large", false, 0.13)]
    [InlineData("all-MiniLM-L6-v2", false, 0)]
    public void The_shipped_prices_are_known(string model, bool isOnBatchLane, decimal dollars) =>
        Assert.Equal(dollars, PriceTable.Load(null, TimeProvider.System).Of(model, 1_000_000, isOnBatchLane));

    [Fact]
    public void The_price_of_the_day_is_taken_and_others_stay_as_shipped()
    {
        using var file = new PricesFile(Dated);
        var prices = PriceTable.Load(file.Path, TimeProvider.System);

        Assert.Equal((1m, 0.25m), (prices.Of("m", 1_000_000), prices.Of("m", 1_000_000, isOnBatchLane: true)));
        Assert.Equal(0.02m, prices.Of("text-embedding-3-small", 1_000_000));
        Assert.Null(prices.Of("another", 1));
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{ \"models\": { \"m\": [{ \"perMillion\": 1 }] } }")]
    [InlineData("{ \"models\": { \"m\": [{ \"from\": \"2020-01-01\", \"perMillion\": -1 }] } }")]
    [InlineData("{ \"models\": { \"m\": [{ \"from\": \"2020-01-01\", \"perMilion\": 1 }] } }")]
    public void A_file_that_cannot_be_used_is_refused_by_name(string json)
    {
        using var file = new PricesFile(json);
        var refused = Assert.Throws<SettingsException>(() => PriceTable.Load(file.Path, TimeProvider.System));
        Assert.Contains(file.Path, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_is_refused() =>
        Assert.Throws<SettingsException>(() => PriceTable.Load("no-such-file.json", TimeProvider.System));
}
