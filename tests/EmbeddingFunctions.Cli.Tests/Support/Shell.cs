using System.Diagnostics;
using System.Text;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>One bash for all that a reader types, so that what one command sets the next one has.</summary>
internal sealed class Shell : IAsyncDisposable
{
    private const string Done = "--- done ---";

    private readonly Process _process;

    public Shell(string folder)
    {
        var start = new ProcessStartInfo("bash", "--noprofile --norc")
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true
        };
        Program.Clean(start);
        start.Environment["PROGRAM"] = Program.FullPath;
        _process = Process.Start(start)!;
        _process.StandardInput.WriteLine("exec 2>&1");
    }

    /// <returns>All that was printed, errors too.</returns>
    public async Task<string> Run(string commands)
    {
        using var timeout = new CancellationTokenSource(Running.Patience);
        await _process.StandardInput.WriteAsync($"{commands}\necho '{Done}'\n".AsMemory(), timeout.Token);
        await _process.StandardInput.FlushAsync(timeout.Token);
        var printed = new StringBuilder();
        while (await _process.StandardOutput.ReadLineAsync(timeout.Token) is { } line && line != Done)
        {
            printed.Append(line).Append('\n');
        }

        return printed.ToString();
    }

    public ValueTask DisposeAsync()
    {
        _process.Kill(entireProcessTree: true);
        _process.Dispose();
        return ValueTask.CompletedTask;
    }
}
