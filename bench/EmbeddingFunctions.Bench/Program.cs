using EmbeddingFunctions.Bench;
using EmbeddingFunctions.Bench.Backfill;
using EmbeddingFunctions.Bench.Dashboard;
using EmbeddingFunctions.Bench.Durable;
using EmbeddingFunctions.Bench.Limits;
using EmbeddingFunctions.Bench.Local;
using EmbeddingFunctions.Bench.Memory;
using EmbeddingFunctions.Bench.OneTable;
using EmbeddingFunctions.Bench.Planning;
using EmbeddingFunctions.Bench.Provider;
using EmbeddingFunctions.Bench.Reports;
using EmbeddingFunctions.Bench.Scale;
using EmbeddingFunctions.Bench.Search;
using EmbeddingFunctions.Bench.Sharing;
using EmbeddingFunctions.Bench.Start;
using EmbeddingFunctions.Bench.Writes;
using EmbeddingFunctions.Testing;

// What is measured runs in a process of its own, which is this program again.
switch (args)
{
    case ["fake", .. var rest]:
        return await FakeOpenAi.RunAsync(rest);
    case [MeasuredBackfill.Command, var order]:
        return await ChildProcess.Answer<BackfillOrder, BackfillResult>(order, MeasuredBackfill.Run);
    case [BareLoop.Command, var order]:
        return await ChildProcess.Answer<LoopOrder, LoopResult>(order, BareLoop.Run);
    case [ScaleRun.Command, var order]:
        return await ChildProcess.Answer<LoopOrder, ScaleResult>(order, ScaleRun.Run);
    case [OneTableRun.Command, var order]:
        return await ChildProcess.Answer<LoopOrder, LoopResult>(order, OneTableRun.Run);
    case [DurableRun.Command, var order]:
        return await ChildProcess.Answer<LoopOrder, DurableResult>(order, DurableRun.Run);
    case [ProviderAlone.Command, var order]:
        return await ChildProcess.Answer<ProviderOrder, ProviderResult>(order, ProviderAlone.Run);
    case [SharingWorker.Command, var order]:
        return await ChildProcess.Answer<SharingOrder, SharingResult>(order, SharingWorker.Run);
}

if (Arguments.Parse(args) is not { } arguments)
{
    await Console.Error.WriteLineAsync(Arguments.Usage);
    return 2;
}

var report = new Report(Console.Out);
await Machine.Describe(report);
var benchmarks = new (string Name, Func<Sizes, Report, Task> Run)[]
{
    ("one-table", OneTableBenchmark.Run),
    ("durable", DurableBenchmark.Run),
    ("start", StartBenchmark.Run),
    ("backfill", BackfillBenchmark.Run),
    ("memory", MemoryBenchmark.Run),
    ("writes", WritesBenchmark.Run),
    ("owners-writes", OwnersWritesBenchmark.Run),
    ("scale", ScaleBenchmark.Run),
    ("planning", PlanningBenchmark.Run),
    ("sharing", SharingBenchmark.Run),
    ("limits", LimitsBenchmark.Run),
    ("local", LocalBenchmark.Run),
    ("search", SearchBenchmark.Run),
    ("relevance", RelevanceBenchmark.Run),
    ("dashboard", DashboardBenchmark.Run),
};
foreach (var (name, run) in benchmarks.Where(benchmark => arguments.Includes(benchmark.Name)))
{
    report.Begin(name);
    await run(arguments.Sizes, report);
}

report.PrintGoals();
return 0;
