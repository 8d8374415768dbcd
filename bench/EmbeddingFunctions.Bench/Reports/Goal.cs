namespace EmbeddingFunctions.Bench.Reports;

/// <summary>What a figure is to be, and whether it is.</summary>
internal sealed record Goal(string What, string Target, string Measured, bool IsMet)
{
    public static Goal AtLeast(string what, double target, double measured, string unit = "", int digits = 0) =>
        new(what, $"≥ {Number(target, digits, unit)}", Number(measured, digits, unit), measured >= target);

    public static Goal AtMost(string what, double target, double measured, string unit = "", int digits = 0) =>
        new(what, $"≤ {Number(target, digits, unit)}", Number(measured, digits, unit), measured <= target);

    private static string Number(double value, int digits, string unit) => value.ToString($"N{digits}") + unit;
}
