using EmbeddingFunctions.Cli.Tests;

namespace EmbeddingFunctions.Faults;

/// <summary>A migrated and audited database, a fake provider, and workers on both.</summary>
public abstract class FaultTest : ProgramTest
{
    private protected SqlFaults Sql => new(Database);

    private protected Oracle Oracle => new(Database, Fake);

    /// <summary>A number of items in each of some repositories, their claims audited.</summary>
    private protected async Task Fill(int repositories, int items)
    {
        await ClaimAudit.Begin(Database);
        for (var i = 1; i <= repositories; i++)
        {
            await Workspace.Items(await Workspace.Repository($"acme/{i}"), items, words: $"repository {i} item");
        }
    }

    private protected Worker Start(string name, params string[] options) => Worker.Start(name, Database, Fake, options: options);

    private protected Worker Start(string name, IReadOnlyDictionary<string, string> settings, params string[] options) =>
        Worker.Start(name, Database, Fake, settings, options);

    /// <summary>Runs another to its end, at once if the dead are not in its way.</summary>
    private protected async Task<Result> Finish(string name = "worker-last")
    {
        await AllowStarts();
        await using var last = Start(name);
        return (await last.Ended()).Exits(0);
    }
}
