using System.CommandLine;
using System.Globalization;

namespace EmbeddingFunctions.Cli;

/// <summary>Options and arguments that several commands take.</summary>
internal static class Arguments
{
    public static Argument<string> Corpus() => new("corpus") { Description = "The corpus's name, as declared; for example workspace." };

    public static Option<bool> Json() => new("--json") { Description = "Print one JSON object on standard output." };

    /// <summary>A whole number of at least 1.</summary>
    public static Option<int?> Count(string name, string description)
    {
        var option = new Option<int?>(name) { Description = description };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && (!int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var value) || value < 1))
            {
                result.AddError($"{name} takes a whole number of at least 1, not '{result.Tokens[0].Value}'.");
            }
        });
        return option;
    }

    /// <summary>A time like 500ms, 5s, 2m or 15 (seconds).</summary>
    public static Option<TimeSpan> Delay(string name, string description) => new(name)
    {
        Description = description,
        CustomParser = result =>
        {
            if (ParseDelay(result.Tokens[0].Value) is { } delay)
            {
                return delay;
            }

            result.AddError($"{name} takes a time like 500ms, 5s or 2m, not '{result.Tokens[0].Value}'.");
            return default;
        },
    };

    private static TimeSpan? ParseDelay(string text)
    {
        var unit = text.TrimStart("0123456789.".ToCharArray());
        double? seconds = unit switch { "ms" => 0.001, "" or "s" => 1, "m" => 60, "h" => 3_600, _ => null };
        return seconds is not null && double.TryParse(text[..^unit.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            && number * seconds < 86_400 ? TimeSpan.FromSeconds(number * seconds.Value) : null;
    }
}
