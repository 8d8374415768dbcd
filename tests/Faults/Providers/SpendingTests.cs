using System.Globalization;
using EmbeddingFunctions.Cli.Tests;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Faults.Providers;

/// <summary>Real processes spend under one cap, and one is killed while it spends.</summary>
public sealed class SpendingTests : FaultTest
{
    private const int CapReached = 4;
    private const int Items = 10;

    private long PaidTokens => Fake.PaidInputs.Sum(paid => (long)FakeTokens.Count(paid.Key) * paid.Value);

    private static decimal Cost(int batches) => batches * Items * FakeTokens.Count("[ISSUE] item 100 body") * 0.02m / 1_000_000;

    [Fact]
    public async Task F61_Eight_processes_with_a_cap_of_three_batches_spend_three()
    {
        for (var worker = 0; worker < 8; worker++)
        {
            await FillAlike(worker, items: 50);
        }

        var settings = Capped(Cost(3));
        var workers = Enumerable.Range(0, 8).Select(i => Start($"worker-{i}", settings, "--batch-size", $"{Items}")).ToList();
        await AllowStarts();
        foreach (var worker in workers)
        {
            (await worker.Ended()).Exits(CapReached).Says("EMBEDDING_MAX_DOLLARS_PER_DAY");
            await worker.DisposeAsync();
        }

        Assert.Equal(3, Fake.RequestCount);
        Assert.Equal(Cost(3), PaidTokens * 0.02m / 1_000_000);
        Assert.Equal(Cost(3), await Database.Ask<decimal>("SELECT sum(dollars) FROM embedding.requests"));
    }

    [Fact]
    public async Task F62_What_a_killed_process_was_paying_for_stays_spent()
    {
        await FillAlike(0, items: 30);
        // The first request finds out whether the provider works, and others wait for it.
        Fake.Script(Requests.Where(request => request.Number is 2 or 3), Fault.Hang(TimeSpan.FromMinutes(5)));
        await using (var worker = Start("worker-1", Capped(1), "--batch-size", $"{Items}"))
        {
            await Fake.WaitForRequestsAsync(3);
            await worker.Kill();
        }

        Assert.Equal(PaidTokens, await Tokens("true"));
        Assert.Equal(2, await Database.Ask<long>("SELECT count(*) FROM embedding.requests WHERE outcome IS NULL AND inputs = 10"));

        await Finish();

        Assert.Equal(PaidTokens, await Tokens("true"));
        var cost = (await Program.Run("cost", "--by", "model", "--csv")).Exits(0);
        Assert.Contains($",{PaidTokens},", cost.Out, StringComparison.Ordinal);
    }

    private static Dictionary<string, string> Capped(decimal dollars) =>
        new() { ["EMBEDDING_MAX_DOLLARS_PER_DAY"] = dollars.ToString(CultureInfo.InvariantCulture) };

    private Task<long> Tokens(string where) =>
        Database.Ask<long>($"SELECT COALESCE(sum(tokens), 0)::bigint FROM embedding.requests WHERE {where}");

    // Texts of the same number of tokens, no two alike: a number of three digits is one.
    private async Task FillAlike(int number, int items) => await Database.Execute(
        """
        INSERT INTO issues (id, repository_id, title, body, updated_at)
        SELECT gen_random_uuid(), $1, 'item ' || n, 'body', now() - interval '1 day' + n * interval '1 second'
        FROM   generate_series($2::int, $3) n
        """, await Workspace.Repository($"acme/{number}"), 100 + (number * items), 99 + ((number + 1) * items));
}
