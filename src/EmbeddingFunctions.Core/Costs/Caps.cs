using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;

namespace EmbeddingFunctions.Costs;

/// <summary>The dollars that all processes on a database together may spend.</summary>
/// <param name="Day">In a day of UTC; null: no cap.</param>
/// <param name="Month">In a month of UTC; null: no cap.</param>
internal sealed record Caps(decimal? Day, decimal? Month)
{
    public static Caps Of(EmbeddingSettings settings) => new(settings.MaxDollarsPerDay, settings.MaxDollarsPerMonth);

    public bool AreSet => Day is not null || Month is not null;

    /// <param name="cap">Of what: day, month or run.</param>
    /// <param name="spent">Reserved dollars included.</param>
    /// <param name="most">The cap.</param>
    /// <param name="next">What the request may cost.</param>
    public static ProviderException Reached(string cap, decimal spent, decimal most, decimal next)
    {
        var (name, after) = cap switch
        {
            "day" => ("The cap of a day (EMBEDDING_MAX_DOLLARS_PER_DAY)", "It goes on by itself tomorrow (UTC), or now with a higher cap."),
            "month" => (
                "The cap of a month (EMBEDDING_MAX_DOLLARS_PER_MONTH)", "It goes on by itself next month (UTC), or now with a higher cap."),
            _ => ("The cap of the run (--max-cost)", "Another run goes on with the rest."),
        };
        return new ProviderException(
            ProviderFault.Configuration,
            FormattableString.Invariant(
                $"{name} of ${most:0.######} is reached: ${spent:0.######} are spent or reserved, and the next request may cost ")
            + FormattableString.Invariant($"${next:0.######}. {after}"))
        {
            IsLocal = true,
            IsCapReached = true,
        };
    }
}
