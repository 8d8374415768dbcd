using EmbeddingFunctions.Adoption;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Cli.Status;

/// <summary>What <c>status</c> says, in words.</summary>
internal static class StatusText
{
    public static void Print(CorpusStatus status, TextWriter text)
    {
        text.WriteLine($"{status.Corpus}: {status.Model}, {status.Dimensions} dimensions");
        foreach (var finding in status.Findings)
        {
            text.WriteLine($"FAIL {finding}");
        }

        if (status.PausedAt is { } paused)
        {
            text.WriteLine($"Paused since {paused.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC: 'embeddings resume {status.Corpus}' ends it.");
        }

        text.WriteLine();
        PrintCoverage(status, text);
        if (status.Kinds.Sum(kind => kind.LeftToBackfill) is > 0 and var left)
        {
            text.WriteLine();
            text.WriteLine(
                $"{left:N0} of the pending never had a vector and are too old for the schedule: 'embeddings backfill {status.Corpus}' "
                    + "takes them.");
        }

        if (status.Kinds.Sum(kind => kind.Asked) is > 0 and var asked)
        {
            text.WriteLine();
            text.WriteLine($"Requested again through the queue: {asked:N0}.");
        }

        if (status.Kinds.Sum(kind => kind.Ignored) is > 0 and var ignored)
        {
            text.WriteLine();
            text.WriteLine($"Ignored until their text changes: {ignored:N0}.");
        }

        PrintFreshness(status, text);
        PrintIndexes(status, text);
        PrintRecalls(status.Recalls, text);
        PrintSwitch(status.Switch, text);
        PrintAdoptions(status.Adoptions, text);
        if (status.Batches.Count > 0)
        {
            text.WriteLine();
            text.WriteLine(
                $"On the batch lane: {status.Batches.Sum(batch => batch.Inputs):N0} texts in {status.Batches.Count:N0} batches, the "
                    + $"oldest of {status.Batches[0].CreatedAt.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC.");
        }

        PrintProvider(status.Provider, text);
        PrintCache(status.Cache, text);
        PrintFailures(status, text);
        PrintRuns(status, text);
    }

    private static void PrintCoverage(CorpusStatus status, TextWriter text)
    {
        text.WriteLine(
            $"{"Item Type",-16}{"Total",10}{"With Embeddings",17}{"Coverage %",12}{"Pending",9}{"Empty",8}{"Failed",8}{"Last Hour",11}");
        foreach (var kind in status.Kinds)
        {
            var lastHour = status.Recent.FirstOrDefault(recent => recent.Kind == kind.Kind)?.LastHour ?? 0;
            var coverage = kind.Total == 0 ? "-" : $"{kind.Coverage:0.00}%";
            text.WriteLine(
                $"{kind.Table,-16}{kind.Total,10:N0}{kind.Embedded,17:N0}{coverage,12}"
                    + $"{kind.Pending,9:N0}{kind.Empty,8:N0}{kind.Failed,8:N0}{lastHour,11:N0}");
        }

        if (status.Recent.Count > 0)
        {
            text.WriteLine();
            text.WriteLine(
                $"Embedded in the last hour: {status.Recent.Sum(recent => recent.LastHour):N0}, the latest at "
                    + $"{status.Recent.Max(recent => recent.Latest).UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC");
            if (status.Recent.Where(recent => recent.ItemsPerRequest is not null).ToList() is { Count: > 0 } sent)
            {
                var sizes = sent.Select(kind => $"{kind.ItemsPerRequest:N0} ({kind.Kind})");
                text.WriteLine($"Items a request in the last 7 days: {string.Join(", ", sizes)}");
            }
        }
    }

    private static void PrintFreshness(CorpusStatus status, TextWriter text)
    {
        if (status.Freshness is not { } fresh || (fresh.Target is null && fresh.Done.Day.Max is null && fresh.Waiting.Max is null))
        {
            return;
        }

        text.WriteLine();
        text.WriteLine(
            $"Freshness{(fresh.Target is { } target ? $" ({(fresh.IsBroken ? "BROKEN" : "kept")}, at most {Time(target)})" : "")}: "
                + $"last hour {Describe(fresh.Done.Hour)}; last day {Describe(fresh.Done.Day)}; waiting {Describe(fresh.Waiting)}");
    }

    private static string Describe(Lags lags) =>
        lags.Max is null ? "no edits" : $"p50 {Time(lags.P50!.Value)}, p95 {Time(lags.P95!.Value)}, max {Time(lags.Max.Value)}";

    private static string Time(double seconds) => seconds switch
    {
        < 120 => $"{seconds:0.#} s",
        < 7_200 => $"{seconds / 60:0.#} min",
        _ => $"{seconds / 3_600:N1} h",
    };

    public static void PrintSpending(SpendingStatus spending, TextWriter text)
    {
        if (spending is { ThisMonth: 0, MaxPerDay: null, MaxPerMonth: null })
        {
            return;
        }

        static string Of(decimal? cap) => cap is null ? "" : $" of {RunFigures.Money(cap)}";
        text.WriteLine();
        text.WriteLine(
            $"Spent today {RunFigures.Money(spending.Today)}{Of(spending.MaxPerDay)}, this month {RunFigures.Money(spending.ThisMonth)}"
                + $"{Of(spending.MaxPerMonth)}{(spending.IsCapReached ? ": a cap is reached" : "")}");
    }

    private static void PrintIndexes(CorpusStatus status, TextWriter text)
    {
        foreach (var index in status.Indexes.Where(index => index.State != SearchIndexState.Ready))
        {
            text.WriteLine();
            text.WriteLine(
                $"Index {index.Name} {Describe(status.Corpus, index)}. Until then searches of {index.Table} are exact, and slower.");
        }
    }

    private static void PrintRecalls(IReadOnlyList<MeasuredRecall> recalls, TextWriter text)
    {
        foreach (var one in recalls)
        {
            text.WriteLine();
            text.WriteLine(
                $"Search of {one.Kind}: recall@{one.Neighbours} {one.Recall:0.000}, p95 {one.IndexP95:0.0} ms, measured "
                    + $"{one.MeasuredAt.UtcDateTime:yyyy-MM-dd HH:mm} UTC.");
        }
    }

    private static string Describe(string corpus, SearchIndex index) => index switch
    {
        { State: SearchIndexState.Building, Progress: { } share } => $"is being built, {share:P0} done",
        { State: SearchIndexState.Building } => "is being built",
        { MayBeBuilt: false } => $"is missing, and only the owner of {index.Table} can build it: 'embeddings index {corpus}'",
        _ => $"is built by the run that leaves nothing pending, or now by 'embeddings index {corpus}'",
    };

    private static void PrintSwitch(SwitchProgress? under, TextWriter text)
    {
        if (under is null)
        {
            return;
        }

        text.WriteLine();
        text.WriteLine(
            $"Switch: generation {under.Generation} ({under.Model}, {under.Dimensions} dimensions) has {under.Done:N0} of {under.Total:N0} "
                + $"done, {under.Failed:N0} failed, {under.Behind:N0} behind the live generation {under.LiveGeneration}; "
                + $"{under.Tokens:N0} tokens, {RunFigures.Money(under.Dollars)}");
        text.WriteLine($"  {under.Advice}");
    }

    private static void PrintAdoptions(IReadOnlyList<RecordedAdoption> adoptions, TextWriter text)
    {
        if (adoptions.Count == 0)
        {
            return;
        }

        text.WriteLine();
        text.WriteLine("Adopted");
        foreach (var adoption in adoptions)
        {
            text.WriteLine(
                $"  {adoption.Vectors,6:N0} {adoption.Kind}: {adoption.Source}, {adoption.Model}, "
                    + $"{adoption.AdoptedAt.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC"
                    + (adoption.FinishedAt is null ? ", not finished: the same command goes on" : ""));
        }
    }

    private static void PrintProvider(ProviderStatus provider, TextWriter text)
    {
        if (provider.State != ProviderStatus.Available)
        {
            text.WriteLine();
            var when = provider.Until is { } until
                ? $"tried again at {until.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC, or now"
                : "tried by the next run, or now";
            text.WriteLine($"Provider {provider.State}: {provider.Reason} ({when} by 'embeddings provider resume')");
        }
    }

    public static void PrintRedis(RedisStatus? redis, TextWriter text)
    {
        if (redis?.Problem is { } problem)
        {
            text.WriteLine();
            text.WriteLine($"Redis at {redis.Server}: {problem}");
        }
    }

    private static void PrintCache(CacheUse cache, TextWriter text)
    {
        if (cache.Hits > 0)
        {
            text.WriteLine();
            text.WriteLine(
                $"Cache: {cache.Hits:N0} hits, {cache.Misses:N0} misses, {RunFigures.Money(cache.DollarsSaved)} saved in the last 7 days");
        }
    }

    private static void PrintFailures(CorpusStatus status, TextWriter text)
    {
        if (status.Failures.Count == 0)
        {
            return;
        }

        text.WriteLine();
        text.WriteLine("Failures");
        foreach (var failure in status.Failures)
        {
            var when = NextTry.Text(failure.Dead == failure.Items, failure.NextTry);
            text.WriteLine($"  {failure.Items,6:N0} {failure.Kind}: {failure.Reason} ({when})");
        }
    }

    private static void PrintRuns(CorpusStatus status, TextWriter text)
    {
        text.WriteLine();
        text.WriteLine(status.Runs.Count == 0 ? "No runs yet." : "Last runs");
        foreach (var run in status.Runs)
        {
            text.WriteLine(
                $"  {run.CreatedAt.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC  {run.Status,-10} {run.ItemsProcessed:N0} of {run.ItemsTotal:N0} "
                    + "items"
                + (run.ItemsFailed > 0 ? $", {run.ItemsFailed:N0} failed" : "") + (run.Error is null ? "" : $": {run.Error}"));
        }
    }
}
