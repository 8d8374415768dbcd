using System.Text;
using EmbeddingFunctions.Settings;

namespace EmbeddingFunctions.Core.Tests.Settings;

public sealed class RedactionTests
{
    private const string Key = "sk-canary.0123+456/789==";

    private static readonly Redaction _redaction = For(Key);

    public static TheoryData<string> Forms => new(
        Key, Uri.EscapeDataString(Key), Uri.EscapeDataString(Key).ToLowerInvariant(), Key.ToUpperInvariant(),
        Convert.ToBase64String(Encoding.UTF8.GetBytes(Key)), Key[..8]);

    [Theory]
    [MemberData(nameof(Forms))]
    public void The_key_is_taken_out_in_any_form(string form)
    {
        var clean = _redaction.Clean($"before {form} after");

        Assert.StartsWith("before [redacted]", clean, StringComparison.Ordinal);
        Assert.EndsWith(" after", clean, StringComparison.Ordinal);
        Assert.DoesNotContain("0123", clean, StringComparison.Ordinal);
        Assert.DoesNotContain(form, clean, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("Incorrect API key provided: sk-other********cdef.", "Incorrect API key provided: [redacted].")]
    [InlineData("Incorrect API key provided: sk-canar*******89==. Look here.", "Incorrect API key provided: [redacted]==. Look here.")]
    [InlineData("Host=db;Password=pa@ss;Database=shop", "Host=db;Password=[redacted];Database=shop")]
    [InlineData("Host=db;password = 'a;b c';Database=shop", "Host=db;password = [redacted];Database=shop")]
    [InlineData("PWD=x", "PWD=[redacted]")]
    [InlineData("""{"password": "s3 cr", "user": "ann"}""", """{"password": [redacted], "user": "ann"}""")]
    [InlineData("api-key: s3cr", "api-key: [redacted]")]
    [InlineData("Authorization: Bearer eyJ0.s3cr", "Authorization: Bearer [redacted]")]
    [InlineData("postgres://ann:s3cr@db/shop failed", "postgres://[redacted]@db/shop failed")]
    [InlineData("postgres://ann:s3@cr@db/shop", "postgres://[redacted]@db/shop")]
    [InlineData("redis://:s3cr@cache", "redis://[redacted]@cache")]
    [InlineData("https://token@host/x", "https://[redacted]@host/x")]
    [InlineData("http://127.0.0.1:1234/v1 refused", "http://127.0.0.1:1234/v1 refused")]
    [InlineData("see https://host:443/x or ask a@b.c", "see https://host:443/x or ask a@b.c")]
    public void Secrets_of_others_are_known_by_their_surroundings(string text, string clean) => Assert.Equal(clean, _redaction.Clean(text));

    [Theory]
    [InlineData("abcd", "the key [redacted] is wrong")]
    [InlineData("abc", "the key abc is wrong")]
    public void A_short_key_is_taken_out_as_long_as_it_can_be_told_from_words(string key, string clean) =>
        Assert.Equal(clean, For(key).Clean($"the key {key} is wrong"));

    [Fact]
    public void Without_a_key_texts_stay() => Assert.Equal("some words", For(null).Clean("some words"));

    [Theory]
    [InlineData("a\0b", "ab")]
    [InlineData(" a ", "a")]
    public void Texts_come_out_fit_to_be_stored(string text, string clean) => Assert.Equal(clean, _redaction.Clean(text));

    [Fact]
    public void Half_a_character_is_replaced() => Assert.Equal("a\ufffdb", _redaction.Clean("a\ud800b"));

    [Fact]
    public void Long_texts_are_cut_between_characters_and_after_the_secrets_are_out()
    {
        var clean = _redaction.Clean(new string('x', 485) + Key + new string('y', 1_000));
        var cut = _redaction.Clean(new string('x', 499) + "😀");

        Assert.Equal(500, clean.Length);
        Assert.DoesNotContain("canary", clean, StringComparison.Ordinal);
        Assert.Equal(new string('x', 499), cut);
    }

    private static Redaction For(string? key) =>
        new(new EmbeddingSettings { Provider = ProviderChoice.OpenAi, ProviderReason = "test", ApiKey = key });
}
