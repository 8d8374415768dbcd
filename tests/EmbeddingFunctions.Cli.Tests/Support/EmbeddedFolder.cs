using System.Diagnostics;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>
/// A folder with an embedded Postgres that is installed and migrated: a copy of one that is made once a test run, because that takes a
/// while.
/// </summary>
internal sealed class EmbeddedFolder : IDisposable
{
    public const string Collection = "one embedded Postgres at a time";

    private static readonly Lazy<Task<TestFolder>> _original = new(Make);

    private readonly TestFolder _folder = new();

    private EmbeddedFolder()
    {
    }

    public string Path => _folder.Path;

    public static async Task<EmbeddedFolder> Create()
    {
        var (original, copy) = (await _original.Value, new EmbeddedFolder());
        using var copying = Process.Start("cp", ["-r", $"{original.Path}/.embeddings", copy.Path]);
        await copying.WaitForExitAsync();
        Assert.Equal(0, copying.ExitCode);
        return copy;
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>Migrates for the program's provider, and imports a number of items.</summary>
    public async Task Fill(Program program, int items)
    {
        (await program.Run("migrate", "workspace")).Exits(0);
        var file = System.IO.Path.Combine(Path, "items.jsonl");
        await File.WriteAllLinesAsync(file, Enumerable.Range(1, items).Select(n =>
            $$"""{"kind":"issue","repository":"acme/{{n % 2}}","number":{{n}},"key":"{{n}}","title":"Title {{n}}","body":"Body {{n}}","updated_at":{{1_700_000_000 + n}}}"""));
        (await program.Run("import", "workspace", file)).Exits(0);
    }

    /// <summary>Waits until its database runs, or until it does not.</summary>
    public async Task WaitForServer(bool runs)
    {
        using var timeout = new CancellationTokenSource(Running.Patience);
        while (Servers().Any() != runs)
        {
            await Task.Delay(20, timeout.Token);
        }
    }

    /// <summary>What the running server was started with.</summary>
    public string[] ServerArguments() =>
        File.ReadAllText($"/proc/{Servers().Single()}/cmdline").Split('\0', StringSplitOptions.RemoveEmptyEntries);

    // By the data directory among their arguments, so that no other's are seen.
    private IEnumerable<int> Servers() => Process.GetProcessesByName("node").Select(process => process.Id).Where(id =>
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/cmdline").Contains(Path, StringComparison.Ordinal);
        }
        catch (IOException)
        {
            // It has just ended.
            return false;
        }
    });

    private static async Task<TestFolder> Make()
    {
        var folder = new TestFolder();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => folder.Dispose();
        (await new Program(folder.Path).Run("migrate", "workspace", "--with-sample-tables")).Exits(0);
        return folder;
    }
}
