namespace EmbeddingFunctions.Cli.Tests;

/// <summary>The workspace with triggers, and what is to be known of the runs that they begin.</summary>
public abstract class WakeTest : ProgramTest, IDisposable
{
    private readonly TestFolder _folder = new();

    private protected Guid Repository { get; set; }

    public void Dispose()
    {
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>For a corpus that declares triggers; only edits start runs from here on.</summary>
    private protected async Task Migrate()
    {
        using var shipped = new StreamReader(typeof(Corpora.CorpusFile).Assembly.GetManifestResourceStream("corpora.json")!);
        var path = Path.Combine(_folder.Path, "corpora.json");
        await File.WriteAllTextAsync(
            path,
            shipped.ReadToEnd()
                .Replace("\"name\": \"workspace\",", "\"name\": \"workspace\", \"trigger\": true,", StringComparison.Ordinal));
        (await Program.Set("CORPORA_FILE", path).Run("migrate", "workspace")).Exits(0);
        Repository = await Workspace.Repository();
        await AsIfServed();
    }

    /// <summary>Runs of servers, and of these those that no moment of the schedule began.</summary>
    private protected async Task<(long All, long Woken)> Jobs()
    {
        var row = Assert.Single(
            await Database.Rows("SELECT count(*), count(*) FILTER (WHERE due_at IS NULL) FROM embedding.jobs WHERE host = 'server'"));
        return ((long)row[0]!, (long)row[1]!);
    }

    private protected Task<long> Listeners() => Database.Ask<long>(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%listener'");

    private protected async Task<bool> NoneIsOpen() =>
        await Database.Ask<long>("SELECT count(*) FROM embedding.jobs WHERE completed_at IS NULL") == 0;
}
