using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Status;

namespace EmbeddingFunctions.Cli.Server;

/// <summary>Follows a run of another process to its end.</summary>
internal static class RunWatch
{
    private static readonly TimeSpan _lookEvery = TimeSpan.FromSeconds(1);

    // A host that restarts is waited for.
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(1);

    public static async Task<RunDetail> ToEnd(Output output, RemoteHost host, Guid id, CancellationToken cancellation)
    {
        var figures = new RunFigures("");
        var (told, answered) = ("", DateTime.UtcNow);
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

                figures.Take(new RunProgress(run.Counts, run.Run.ItemsTotal, run.Note));
                var line = string.Join(", ", figures.Lines);
                if (line != told && line.Length > 0)
                {
                    output.Note(told = line);
                }
            }
            catch (RemoteHostException e) when (e.IsPassing && DateTime.UtcNow - answered < _patience)
            {
                // It may be restarting.
            }

            await Task.Delay(_lookEvery, cancellation);
        }
    }
}
