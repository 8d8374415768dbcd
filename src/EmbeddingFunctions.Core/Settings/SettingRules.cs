namespace EmbeddingFunctions.Settings;

/// <summary>What settings may be, wherever they are set.</summary>
internal static class SettingRules
{
    public const int MaxRequestsPerMinute = 10_000_000;

    public const int MaxTokensPerMinute = 2_000_000_000;

    public const int MaxConcurrency = 256;

    public const int MaxQueuedTokens = 2_000_000_000;

    /// <summary>In milliseconds.</summary>
    public const int MaxQueryTimeout = 60_000;

    /// <returns>What is wrong, or null.</returns>
    public static string? Number(string name, int value, int max) =>
        value >= 1 && value <= max ? null : NoNumber(name, value.ToString(), max);

    public static string NoNumber(string name, string value, int max) =>
        $"{name} is '{value}'; it takes a whole number from 1 to {max}.";

    /// <returns>What is wrong, or null.</returns>
    public static string? Dollars(string name, decimal? value) => value is null or > 0 ? null : NoDollars(name, $"{value}");

    public static string NoDollars(string name, string value) => $"{name} is '{value}'; it takes dollars above zero, like 5 or 0.25.";

    /// <returns>What is wrong, or null.</returns>
    public static string? Schedule(string name, string expression) => Corpora.Schedule.TryParse(expression) is not null ? null
        : $"{name} is '{expression}'; it takes an NCrontab expression like '0 */15 * * * *' (seconds first, in UTC).";
}
