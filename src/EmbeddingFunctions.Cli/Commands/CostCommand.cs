using System.CommandLine;
using System.Globalization;
using EmbeddingFunctions.Costs;

namespace EmbeddingFunctions.Cli.Commands;

internal static class CostCommand
{
    private const int DefaultDays = 30;

    public static Command Create()
    {
        var by = new Option<CostGroup>("--by") { Description = "day, corpus, model or run.", HelpName = "day|corpus|model|run" };
        var since = new Option<DateTimeOffset?>("--since")
        {
            Description = $"From this day or moment on, in UTC; {DefaultDays} days ago unless given. Requests are kept for 90 days.",
            HelpName = "date",
            CustomParser = result =>
            {
                const DateTimeStyles Utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
                if (DateTimeOffset.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, Utc, out var moment))
                {
                    return moment;
                }

                result.AddError(
                    $"--since takes a day like 2026-01-31, or a moment like 2026-01-31T12:00Z, not '{result.Tokens[0].Value}'.");
                return null;
            },
        };
        var csv = new Option<bool>("--csv") { Description = "Print comma-separated values, with a line of names." };
        var json = Arguments.Json();
        var command = new CommandWithExamples("cost", "Sum up what requests to the provider cost, as the ledger has it.",
            "embeddings cost",
            "embeddings cost --by corpus --since 2026-01-31",
            "embeddings cost --by run --csv") { by, since, csv, json };
        command.Validators.Add(result =>
        {
            if (result.GetResult(csv) is not null && result.GetResult(json) is not null)
            {
                result.AddError("--csv and --json are two ways to print the same: leave one of them out.");
            }
        });
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            return Failures.Guard(output, async () =>
            {
                await using var session = await Session.Open(output, cancellation);
                var costs = await session.Get<CostReport>().Of(
                    parsed.GetValue(by), parsed.GetValue(since) ?? DateTimeOffset.UtcNow.Date.AddDays(-DefaultDays), cancellation);
                output.Result(costs, text => Print(costs, parsed.GetValue(by), parsed.GetValue(csv), text));
                return ExitCode.Done;
            }, cancellation);
        });
        return command;
    }

    private static void Print(CostSummary costs, CostGroup by, bool isCsv, TextWriter text)
    {
        if (isCsv)
        {
            text.WriteLine($"{Name(by)},requests,inputs,tokens,dollars,unpriced_tokens,unknown_requests,unknown_tokens,refused_requests");
            foreach (var cost in costs.Groups)
            {
                text.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Quoted(cost.Key)},{cost.Requests},{cost.Inputs},{cost.Tokens},{cost.Dollars:0.############},{cost.UnpricedTokens},"
                        + $"{cost.Unknown},{cost.UnknownTokens},{cost.Refused}"));
            }

            return;
        }

        var width = Math.Max(10, costs.Groups.Max(cost => cost.Key?.Length) ?? 0);
        text.WriteLine($"{Name(by).PadRight(width)}  {"requests",10}  {"tokens",15}  {"dollars",12}");
        foreach (var cost in costs.Groups)
        {
            var unknown = cost.Unknown == 0 ? "" : $"  ({cost.Unknown:N0} with an unknown outcome, {cost.UnknownTokens:N0} tokens)";
            var unpriced = cost.UnpricedTokens == 0 ? "" : $"  ({cost.UnpricedTokens:N0} tokens at an unknown price)";
            text.WriteLine(
                $"{(cost.Key ?? "none").PadRight(width)}  {cost.Requests,10:N0}  {cost.Tokens,15:N0}  {RunFigures.Money(cost.Dollars),12}"
                    + $"{unknown}{unpriced}");
        }

        text.WriteLine(
            $"{"total".PadRight(width)}  {costs.Groups.Sum(cost => cost.Requests),10:N0}  {costs.Groups.Sum(cost => cost.Tokens),15:N0}  "
                + $"{RunFigures.Money(costs.Groups.Sum(cost => cost.Dollars)),12}");
        text.WriteLine($"Today (UTC) {Against(costs.Spending.Today, costs.Spending.MaxPerDay)}, this month "
            + $"{Against(costs.Spending.ThisMonth, costs.Spending.MaxPerMonth)}.");
    }

    private static string Against(decimal dollars, decimal? cap) =>
        $"{RunFigures.Money(dollars)} {(cap is null ? "without a cap" : $"of a cap of {RunFigures.Money(cap)}")}";

    private static string Name(CostGroup by) => by.ToString().ToLowerInvariant();

    private static string Quoted(string? key) =>
        key is null ? "" : key.AsSpan().IndexOfAny(",\"\r\n") < 0 ? key : $"\"{key.Replace("\"", "\"\"")}\"";
}
