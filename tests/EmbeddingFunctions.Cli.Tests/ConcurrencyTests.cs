using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

public sealed class ConcurrencyTests : ProgramTest
{
    private const int Items = 600;

    private protected override FakeOpenAiOptions Options => new() { Latency = TimeSpan.FromMilliseconds(20) };

    [Fact]
    public async Task F39_Two_backfills_at_once_pay_for_nothing_twice()
    {
        foreach (var name in new[] { "one", "two", "three" })
        {
            await Workspace.Items(await Workspace.Repository($"acme/{name}"), Items / 3, words: name);
        }

        using var hold = Fake.Hold();
        var runs = Task.WhenAll(Backfill(), Backfill());
        // Each asks with one request first: two held means that both have begun.
        await hold.WaitForHeldAsync(2, Running.Patience);
        hold.Release();
        var results = await runs;
        Assert.Equal(Items, results.Sum(result => result.Exits(0).Number("embedded")));
        Assert.All(results, result => Assert.InRange(result.Number("embedded"), 1, Items - 1));
        Assert.Equal((Items, 0), (Fake.PaidInputCount, Fake.DuplicatePaidInputs));
        await AssertWhole();
    }

    [Fact]
    public async Task Migrating_from_several_processes_at_once_is_well()
    {
        await using var empty = await TestDatabase.Empty();
        var program = new Program(empty, Fake);
        var results = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => program.Run("migrate", "workspace", "--with-sample-tables")));
        Assert.All(results, result => result.Exits(0));
        (await program.Run("doctor")).Exits(0);
    }
}
