using System.Text;
using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Settings;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Caching;

public sealed class CacheEntryTests
{
    private const string Fingerprint = "0123456789abcdef";

    private static readonly float[] _vector = [0.5f, -0.25f, 0.125f];
    private static readonly CacheKey _key = KeyOf("secret");
    private static readonly DateTimeOffset _then = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Fact]
    public void A_vector_comes_back_as_it_was_stored() =>
        Assert.Equal(_vector, CacheEntry.Read(_key, Fingerprint, Entry(), 3, since: null));

    [Fact]
    public void An_entry_with_any_byte_changed_is_none() => Assert.All(Enumerable.Range(0, Entry().Length), i =>
    {
        var entry = Entry();
        entry[i] ^= 1;
        Assert.Null(CacheEntry.Read(_key, Fingerprint, entry, 3, since: null));
    });

    [Fact]
    public void An_entry_cut_anywhere_is_none() => Assert.All(
        Enumerable.Range(0, Entry().Length),
        length => Assert.Null(CacheEntry.Read(_key, Fingerprint, Entry().AsSpan(0, length), 3, since: null)));

    [Fact]
    public void Another_text_s_entry_is_none() => Assert.Null(CacheEntry.Read(_key, "fedcba9876543210", Entry(), 3, since: null));

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void An_entry_of_another_length_is_none(int dimensions) =>
        Assert.Null(CacheEntry.Read(_key, Fingerprint, Entry(), dimensions, since: null));

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public void An_entry_counts_from_its_own_moment_on(int seconds, bool counts) =>
        Assert.Equal(counts, CacheEntry.Read(_key, Fingerprint, Entry(), 3, _then.AddSeconds(seconds)) is not null);

    [Fact]
    public void An_entry_signed_with_another_secret_is_none() =>
        Assert.Null(CacheEntry.Read(_key, Fingerprint, CacheEntry.Write(KeyOf("another"), Fingerprint, _vector, _then), 3, since: null));

    [Theory]
    [InlineData(0f, 0f)]
    [InlineData(float.NaN, 1f)]
    [InlineData(float.PositiveInfinity, 1f)]
    public void A_vector_that_cannot_be_searched_is_none_however_well_signed(float first, float second) =>
        Assert.Null(CacheEntry.Read(_key, Fingerprint, CacheEntry.Write(_key, Fingerprint, [first, second], _then), 2, since: null));

    private static CacheKey KeyOf(string secret) => new(
        new EmbeddingSettings { Provider = ProviderChoice.OpenAi, ProviderReason = "test" },
        NpgsqlDataSource.Create("Host=nowhere.invalid"),
        Encoding.UTF8.GetBytes(secret));

    private static byte[] Entry() => CacheEntry.Write(_key, Fingerprint, _vector, _then);
}
