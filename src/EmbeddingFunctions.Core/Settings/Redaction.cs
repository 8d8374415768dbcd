using System.Text;
using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Settings;

/// <summary>Takes secrets out of texts that others wrote, and makes them safe to store.</summary>
internal sealed partial class Redaction(EmbeddingSettings settings)
{
    private const int MaxLength = 500;
    private const int TellingPrefix = 8;

    // Anything shorter is no secret, and would be found within words.
    private const int ShortestSecret = 4;

    private const string Hidden = "[redacted]";

    private readonly IReadOnlyList<string> _secrets = Forms(settings.ApiKey).Concat(Forms(settings.ServerKey))
        .Concat(Forms(settings.AlertSecret)).Concat(Forms(settings.AlertUrl?.OriginalString)).ToList();
    private readonly string? _prefix = settings.ApiKey?.Length > TellingPrefix ? settings.ApiKey[..TellingPrefix] : null;

    /// <returns>The text without secrets, NUL and lone surrogates, cut to 500 characters.</returns>
    public string Clean(string text)
    {
        // The whole key first: a pattern might know only the beginning of it, and leave the rest.
        foreach (var secret in _secrets)
        {
            text = text.Replace(secret, Hidden, StringComparison.OrdinalIgnoreCase);
        }

        text = KeyPattern().Replace(text, Hidden);
        text = NamedPattern().Replace(text, $"$1{Hidden}");
        text = UserInfoPattern().Replace(text, $"{Hidden}@");
        text = _prefix is null ? text : text.Replace(_prefix, Hidden, StringComparison.OrdinalIgnoreCase);
        return Texts.NormalizedText.Of(text, MaxLength);
    }

    private static IEnumerable<string> Forms(string? key)
    {
        if (key is not { Length: >= ShortestSecret })
        {
            yield break;
        }

        yield return key;
        yield return Uri.EscapeDataString(key);
        yield return Convert.ToBase64String(Encoding.UTF8.GetBytes(key)).TrimEnd('=');
    }

    // OpenAI's own 401 repeats the beginning and the end of the key round asterisks.
    [GeneratedRegex(@"sk-[A-Za-z0-9_*\-]{4,}")]
    private static partial Regex KeyPattern();

    // Password=… in a connection string, "api-key": "…" in JSON, Authorization: Bearer ….
    [GeneratedRegex("""((?:password|pwd|api[-_]?key)["']?\s*[=:]\s*|bearer\s+)("[^"]*"|'[^']*'|[^;&\s]+)""", RegexOptions.IgnoreCase)]
    private static partial Regex NamedPattern();

    // Up to the last @ of an address: a password may hold one.
    [GeneratedRegex("""(?<=://)[^\s"'<>]*@""")]
    private static partial Regex UserInfoPattern();
}
