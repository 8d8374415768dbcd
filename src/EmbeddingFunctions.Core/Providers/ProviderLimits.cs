using System.Globalization;
using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Providers;

/// <summary>What a reply's <c>x-ratelimit</c> headers say of the account's limits. Hints: some servers send -1, or 0 for all.</summary>
/// <param name="Requests">Allowed a minute.</param>
/// <param name="Tokens">Allowed a minute.</param>
/// <param name="UsedUpFor">Nothing is left, and for how long.</param>
internal sealed partial record ProviderLimits(int? Requests, int? Tokens, TimeSpan? UsedUpFor)
{
    private const string Name = "limits";

    /// <summary>Under which a reply's are found among its additional properties.</summary>
    public static string Property => Name;

    /// <param name="headers">Gives a header's value, or null.</param>
    /// <returns>Null if the headers say nothing.</returns>
    public static ProviderLimits? Read(Func<string, string?> headers)
    {
        if ((Number(headers, "limit-requests") ?? Number(headers, "limit-tokens")) is null)
        {
            return null;
        }

        var (requests, tokens) = (Number(headers, "limit-requests"), Number(headers, "limit-tokens"));
        var waits = new[] { UsedUp(headers, requests, "requests"), UsedUp(headers, tokens, "tokens") };
        return new ProviderLimits(requests, tokens, waits.Max());
    }

    /// <summary>Reads <c>20ms</c>, <c>41.724s</c>, <c>6m0s</c>, <c>114h18m0s</c>.</summary>
    /// <returns>Null if it is no duration, or none at all.</returns>
    public static TimeSpan? Duration(string text)
    {
        if (text.Length == 0 || DurationPattern().Match(text) is not { Success: true } match)
        {
            return null;
        }

        double Part(string name) =>
            match.Groups[name] is { Success: true } part ? double.Parse(part.Value, CultureInfo.InvariantCulture) : 0;
        var seconds = (Part("h") * 3_600) + (Part("m") * 60) + Part("s") + (Part("ms") / 1_000);
        return seconds is > 0 and < 1e6 ? TimeSpan.FromSeconds(seconds) : null;
    }

    private static int? Number(Func<string, string?> headers, string name) =>
        int.TryParse(headers($"x-ratelimit-{name}"), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
            ? number
            : null;

    private static TimeSpan? UsedUp(Func<string, string?> headers, int? limit, string unit) =>
        limit is not null && headers($"x-ratelimit-remaining-{unit}") == "0" && headers($"x-ratelimit-reset-{unit}") is { } reset
            ? Duration(reset)
            : null;

    [GeneratedRegex(@"^(?:(?<h>\d{1,6})h)?(?:(?<m>\d{1,6})m(?!s))?(?:(?<s>\d{1,6}(?:\.\d{1,9})?)s)?(?:(?<ms>\d{1,9}(?:\.\d{1,9})?)ms)?$")]
    private static partial Regex DurationPattern();
}
