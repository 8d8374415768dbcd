using System.CommandLine;
using System.Globalization;

namespace EmbeddingFunctions.Cli;

/// <summary>Options and arguments that several commands take.</summary>
internal static class Arguments
{
    public const string JsonName = "--json";

    /// <summary>The value of <see cref="Lane"/> that is not the default.</summary>
    public const string BatchLane = "batch";

    public static Argument<string> Corpus() => new("corpus") { Description = "The corpus's name, as declared; for example workspace." };

    public static Option<bool> Json() => new(JsonName) { Description = "Print one JSON object on standard output." };

    public static Option<string> Lane() => new Option<string>("--lane")
    {
        Description = "direct, or batch: OpenAI's Batch API, at half the price and within a day.",
        HelpName = $"direct|{BatchLane}",
        DefaultValueFactory = _ => "direct"
    }.AcceptOnlyFromAmong("direct", BatchLane);

    /// <summary>A whole number from 1 to a maximum.</summary>
    public static Option<int?> Count(string name, string description, int max = int.MaxValue)
    {
        var option = new Option<int?>(name) { Description = description, HelpName = "N" };
        option.Validators.Add(result =>
        {
            if (
                result.Tokens.Count == 1
                    && !(
                        int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= 1
                            && value <= max))
            {
                result.AddError(
                    $"{name} takes a whole number {(max == int.MaxValue ? "of at least 1" : $"from 1 to {max}")}, not "
                        + $"'{result.Tokens[0].Value}'.");
            }
        });
        return option;
    }

    /// <summary>Dollars above zero.</summary>
    public static Option<decimal?> Dollars(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "dollars",
        CustomParser = result =>
        {
            if (decimal.TryParse(result.Tokens[0].Value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var dollars)
                && dollars > 0)
            {
                return dollars;
            }

            result.AddError($"{name} takes dollars above zero, like 5 or 0.25, not '{result.Tokens[0].Value}'.");
            return null;
        },
    };

    /// <summary>A whole number.</summary>
    public static Option<long?> Id(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "id",
        CustomParser = result =>
        {
            if (long.TryParse(result.Tokens[0].Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var id))
            {
                return id;
            }

            result.AddError($"{name} takes a whole number, not '{result.Tokens[0].Value}'.");
            return null;
        },
    };

    /// <summary>A time like 500ms, 5s, 2m, 1h or 15 (seconds), at most a day.</summary>
    public static Option<TimeSpan> Delay(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "time",
        CustomParser = result =>
        {
            if (ParseDelay(result.Tokens[0].Value) is { } delay)
            {
                return delay;
            }

            result.AddError($"{name} takes a time like 500ms, 5s or 2m, at most a day, not '{result.Tokens[0].Value}'.");
            return default;
        },
    };

    private static TimeSpan? ParseDelay(string text)
    {
        var unit = text.TrimStart("0123456789.".ToCharArray());
        double? seconds = unit switch { "ms" => 0.001, "" or "s" => 1, "m" => 60, "h" => 3_600, _ => null };
        return double.TryParse(text[..^unit.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            && number * seconds is { } total and <= 86_400 ? TimeSpan.FromSeconds(total) : null;
    }
}
