using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Settings;

/// <summary>Takes secrets out of texts that others wrote, and makes them safe to store.</summary>
public sealed partial class Redaction(EmbeddingSettings settings)
{
    private const int MaxLength = 500;
    private const int TellingPrefix = 8;
    private const string Hidden = "[redacted]";

    private readonly IReadOnlyList<string> _secrets = Forms(settings.ApiKey).ToList();

    /// <returns>The text without secrets, NUL and lone surrogates, cut to 500 characters.</returns>
    public string Clean(string text)
    {
        foreach (var secret in _secrets)
        {
            text = text.Replace(secret, Hidden, StringComparison.OrdinalIgnoreCase);
        }

        text = KeyPattern().Replace(text, Hidden);
        text = PasswordPattern().Replace(text, $"$1{Hidden}");
        return Texts.NormalizedText.Of(text, MaxLength);
    }

    private static IEnumerable<string> Forms(string? key)
    {
        if (key is not { Length: >= TellingPrefix })
        {
            yield break;
        }

        yield return key;
        yield return Uri.EscapeDataString(key);
        yield return Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(key)).TrimEnd('=');
        yield return key[..TellingPrefix];
    }

    // OpenAI's own 401 repeats the beginning and the end of the key round asterisks.
    [GeneratedRegex(@"sk-[A-Za-z0-9_*\-]{4,}")]
    private static partial Regex KeyPattern();

    [GeneratedRegex(@"(?i)((?:password|pwd)\s*=\s*|://[^:/\s]+:)[^;@\s]+")]
    private static partial Regex PasswordPattern();
}
