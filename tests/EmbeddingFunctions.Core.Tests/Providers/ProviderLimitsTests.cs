using EmbeddingFunctions.Providers;

namespace EmbeddingFunctions.Core.Tests.Providers;

public sealed class ProviderLimitsTests
{
    [Theory]
    [InlineData("1s", 1)]
    [InlineData("6m0s", 360)]
    [InlineData("20ms", 0.02)]
    [InlineData("41.724s", 41.724)]
    [InlineData("114h18m0s", 411_480)]
    [InlineData("5m", 300)]
    public void Durations_are_read_as_the_headers_write_them(string text, double seconds) =>
        Assert.Equal(seconds, ProviderLimits.Duration(text)!.Value.TotalSeconds, 0.0001);

    [Theory]
    [InlineData("")]
    [InlineData("0s")]
    [InlineData("-1s")]
    [InlineData("soon")]
    [InlineData("1s1m")]
    [InlineData("9999999999s")]
    [InlineData("NaNs")]
    public void What_is_no_duration_is_none(string text) => Assert.Null(ProviderLimits.Duration(text));
}
