using EmbeddingFunctions.Status;

namespace EmbeddingFunctions.Cli.Server;

/// <summary>Follows a run of another process to its end.</summary>
internal static class RunWatch
{
    private static readonly TimeSpan _lookEvery = TimeSpan.FromSeconds(1);

    private const string HostAway = "The host does not answer; the run is kept, and goes on with the next one. Waiting for a minute.";

    // A host that restarts is waited for.
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(1);

    public static async Task<RunDetail> ToEnd(Output output, RemoteHost host, Guid id, CancellationToken cancellation)
    {
        var (shown, answered) = ("", DateTime.UtcNow);
        while (true)
        {
            try
            {
                var run = await host.Run(id, cancellation);
                answered = DateTime.UtcNow;
                if (run.Run.CompletedAt is not null)
                {
                    return run;
                }

                var line = run.Note
                    ?? $"{run.Run.ItemsProcessed:N0}/{run.Run.ItemsTotal:N0} items, {run.Counts.Tokens:N0} tokens, "
                        + $"{RunFigures.Money(run.Dollars)}";
                if (line != shown)
                {
                    output.Note(shown = line);
                }
            }
            catch (RemoteHostException e) when (e.IsTransient && DateTime.UtcNow - answered < _patience)
            {
                if (shown != HostAway)
                {
                    output.Note(shown = HostAway);
                }
            }

            await Task.Delay(_lookEvery, cancellation);
        }
    }
}
