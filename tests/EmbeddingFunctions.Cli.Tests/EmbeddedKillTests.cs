using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

[Collection(EmbeddedFolder.Collection)]
public sealed class EmbeddedKillTests
{
    private const int Items = 100;
    private const int Batch = 20;

    [Fact]
    public async Task Killed_it_leaves_no_process_behind_and_its_data_whole()
    {
        await using var fake = await FakeOpenAi.StartAsync();
        using var folder = await EmbeddedFolder.Create();
        var program = new Program(folder.Path).Set("OPENAI_BASE_URL", fake.BaseUrl).Set("OPENAI_API_KEY", fake.ApiKey);
        await folder.Fill(program, Items);
        using (var hold = fake.Hold(Requests.Where(request => request.Number > 3)))
        {
            await using var running = program.Start("backfill", "workspace", "--concurrency", "1");
            await hold.WaitForHeldAsync(1, Running.Patience);
            await running.Kill();
        }

        await folder.WaitForServer(runs: false);
        // The third batch's reply had come; whether its rows were written by then is a matter of milliseconds.
        var before = await Coverage(program);
        Assert.InRange(before.Embedded, 2 * Batch, 3 * Batch);
        // It waits for the dead one's claims to run out.
        Assert.Equal(Items - before.Embedded, (await program.Run("backfill", "workspace", "--json")).Exits(0).Number("embedded"));
        Assert.Equal((Items, 0), await Coverage(program));
        Assert.Equal(0, fake.DuplicatePaidInputs);
    }

    private static async Task<(int Embedded, int Pending)> Coverage(Program program)
    {
        var kinds = (await program.Run("status", "--json")).Exits(0).Json.GetProperty("corpora")[0].GetProperty("kinds");
        return (kinds[0].GetProperty("embedded").GetInt32(), kinds[0].GetProperty("pending").GetInt32());
    }
}
