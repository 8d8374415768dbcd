using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>Ctrl-C and SIGTERM while the program only waits.</summary>
public sealed class InterruptedWaitTests : ProgramTest
{
    [Fact]
    public async Task Interrupted_while_the_provider_has_asked_for_patience_it_ends_at_once()
    {
        await Fill();
        Fake.Script(Requests.Where(request => request.Number > 1), Fault.RateLimited(TimeSpan.FromSeconds(100)));
        await using var running = Program.Start("backfill", "workspace");
        await Fake.WaitForRequestsAsync(2, Running.Patience);
        await Interrupt(running, Running.SigTerm);
        Assert.Equal(0, await Claims());
    }

    [Fact]
    public async Task A_backfill_starts_at_once_however_many_runs_of_events_wait()
    {
        await Fill();
        await LetARunWait();
        Assert.Equal(100, (await Backfill()).Exits(0).Number("embedded"));
    }

    [Fact]
    public async Task Iterations_interrupted_between_two_tell_what_was_done()
    {
        await Fill();
        await using var running = Program.Start("backfill", "workspace", "--json", "--iterations", "5", "--delay", "60s", "--limit", "20");
        await WaitUntil("SELECT count(*) FROM embedding.jobs WHERE status = 'completed'");
        await Task.Delay(300);
        var result = await Interrupt(running, Running.SigInt);
        Assert.Equal(("cancelled", 20), (result.Text("status"), result.Number("embedded")));
    }

    [Fact]
    public async Task An_interrupted_import_says_that_it_may_be_repeated()
    {
        await using var connection = await Database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await new NpgsqlCommand("LOCK TABLE repositories", connection, transaction).ExecuteNonQueryAsync();
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(
            file, """{"kind":"issue","repository":"acme/one","number":1,"key":"1","title":"Good","body":"","updated_at":1700000000}""");
        await using var running = Program.Start("import", "workspace", file, "--json");
        await WaitUntil("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'");
        var result = (await Interrupt(running, Running.SigInt)).Says("The same command again goes on");
        Assert.Equal(130, result.Number("exitCode"));
        File.Delete(file);
    }

    private async Task Fill() => await Workspace.Items(await Workspace.Repository(), 100);

    private async Task WaitUntil(string countAboveZero)
    {
        using var timeout = new CancellationTokenSource(Running.Patience);
        while (await Database.Ask<long>(countAboveZero) == 0)
        {
            await Task.Delay(20, timeout.Token);
        }
    }
}
