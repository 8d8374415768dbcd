using System.Diagnostics;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Faults.Random;

/// <summary>
/// Random rows, random faults, workers that are killed, stopped and asked to end; then a last one in peace, and the oracle.
/// </summary>
internal sealed class Round(int seed)
{
    private const int Batch = 10;

    private readonly System.Random _random = new(seed);
    private readonly List<Worker> _workers = [];
    private readonly List<string> _said = [];
    private int _kills;
    private int _disturbances;
    private int _started;

    public async Task<RoundOutcome> Play()
    {
        var watch = Stopwatch.StartNew();
        await using var fake = await FakeOpenAi.StartAsync(
            new FakeOpenAiOptions { ApiKey = Canary.Key, EchoWholeKey = true, Latency = TimeSpan.FromMilliseconds(_random.Next(60)) });
        await using var database = await TestDatabase.Migrated();
        await ClaimAudit.Begin(database);
        var rows = new RandomRows(database, _random);
        var count = _random.Next(1, 250);
        await rows.Fill(count);
        var faults = new RandomFaults(fake, new SqlFaults(database), _random);
        faults.OfTheProvider();
        await Storm(database, fake, rows, faults);
        faults.End();
        await Finish(database, fake);

        var lost = await ClaimAudit.Lost(database);
        var wrong = (await new Oracle(database, fake, RandomRows.IsPoison).Violations(long.MaxValue))
            .Where(problem => !IsGivenUp(problem, lost.GetValueOrDefault(problem.Split(' ')[^1]))).ToList();
        wrong.AddRange(PaidTwice(fake));
        wrong.AddRange((await Canary.In(database)).Select(table => $"I7 the key is in {table}"));
        wrong.AddRange(_said.Where(Canary.IsIn).Select(_ => "I7 the key is in a worker's output"));
        return new RoundOutcome(
            seed, count, faults.Names, _started, _kills, fake.RequestCount, fake.DuplicatePaidInputs, watch.Elapsed, wrong, _said);
    }

    private async Task Storm(TestDatabase database, FakeOpenAi fake, RandomRows rows, RandomFaults faults)
    {
        for (var i = _random.Next(2, 5); i > 0; i--)
        {
            _workers.Add(await Start(database, fake));
        }

        for (var step = _random.Next(6, 14); step > 0; step--)
        {
            await Task.Delay(_random.Next(300));
            await (_random.Next(5) switch
            {
                0 or 1 => rows.Change(),
                2 => faults.OfTheDatabase(),
                _ => Disturb(database, fake),
            });
        }

        foreach (var worker in _workers)
        {
            await End(worker);
        }
    }

    private async Task<Worker> Start(TestDatabase database, FakeOpenAi fake)
    {
        await database.Execute("DELETE FROM embedding.start_slots");
        return Worker.Start($"worker-{++_started}", database, fake, options: ["--batch-size", $"{Batch}"]);
    }

    private async Task Disturb(TestDatabase database, FakeOpenAi fake)
    {
        var worker = _workers[_random.Next(_workers.Count)];
        _disturbances++;
        switch (_random.Next(4))
        {
            case 0 or 1 when !worker.Running.HasEnded:
                await Kill(worker, database);
                _workers.Remove(worker);
                _workers.Add(await Start(database, fake));
                break;
            case 2 when !worker.Running.HasEnded:
                await StandStill(worker, database);
                break;
            default:
                if (!worker.Running.HasEnded)
                {
                    worker.Terminate();
                }

                break;
        }
    }

    private async Task Kill(Worker worker, TestDatabase database)
    {
        _kills++;
        await worker.Kill();
        await End(worker);
        await LetLeasesRunOut(worker, database);
    }

    // An item that three workers died with is given up, whatever they died of; so is one that two died with and whose reply was then
    // useless twice.
    private static bool IsGivenUp(string problem, long lost) => problem.StartsWith("I1 an item has no vector (", StringComparison.Ordinal)
        && (lost >= 3 || (lost == 2 && RandomFaults.IsOfAReply(problem)));

    // Longer than its lease, as the database is made to believe: others take over what it holds.
    private async Task StandStill(Worker worker, TestDatabase database)
    {
        worker.Stop();
        await Task.Delay(_random.Next(200));
        await LetLeasesRunOut(worker, database);
        await Task.Delay(_random.Next(400));
        // It may have been ending when it was stopped.
        if (!worker.Running.HasEnded)
        {
            worker.Continue();
        }
    }

    // As if 30 seconds had passed: of one that is dead or stands still, no other's.
    private static Task LetLeasesRunOut(Worker worker, TestDatabase database) => database.Execute(
        "UPDATE embedding.claims SET leased_until = now() - interval '1 second' WHERE token IN (SELECT token FROM audit WHERE event = "
            + "'taken' AND worker = $1)",
        worker.Name);

    // A storm is over for everyone at the same moment: who still waits for a provider's pause is ended.
    private async Task End(Worker worker)
    {
        if (!worker.Running.HasEnded)
        {
            worker.Terminate();
        }

        var result = await worker.Ended(TimeSpan.FromSeconds(15));
        _said.Add($"{worker.Name} ended with {result.ExitCode}\n{result.Out}{result.Error}");
        await worker.DisposeAsync();
    }

    // All workers are dead by now, so every lease is a dead one's; what failed is tried until it is given up. A provider that was
    // stopped for its answers in the storm is tried again.
    private static async Task Finish(TestDatabase database, FakeOpenAi fake)
    {
        const string IsDone = "SELECT NOT EXISTS (SELECT FROM items_needing_embeddings_priority) AND NOT EXISTS (SELECT FROM "
            + "embedding.claims WHERE token IS NOT NULL OR NOT is_dead)";
        for (var runs = 0; runs < 8 && !await database.Ask<bool>(IsDone); runs++)
        {
            await database.Execute(
                """
                UPDATE embedding.claims
                SET    leased_until = CASE WHEN token IS NOT NULL THEN now() - interval '1 second' END, retry_at = CASE WHEN retry_at IS NOT
                    NULL THEN now() END;
                DELETE FROM embedding.start_slots;
                DELETE FROM embedding.limiters;
                """);
            await using var engine = new TestEngine(database, fake);
            await engine.Run();
        }
    }

    // A text that several rows have may be in flight twice at the same moment; the others are paid for once, but for these.
    private IEnumerable<string> PaidTwice(FakeOpenAi fake)
    {
        var spoiled = fake.Requests.Where(request => RandomFaults.IsPaid(request.Fault)).Sum(request => request.InputCount);
        var most = spoiled + (_disturbances * Worker.Concurrency * Batch);
        var paid = fake.PaidInputs.Where(text => !RandomRows.IsShared(text.Key)).Sum(text => text.Value - 1);
        return paid <= most ? [] : [$"I4 {paid} inputs were paid twice, {most} may have been"];
    }
}
