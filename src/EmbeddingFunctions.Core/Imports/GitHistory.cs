using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace EmbeddingFunctions.Imports;

/// <summary>Tells the history of a local git repository as pull requests: a commit each, its subject the title.</summary>
internal static class GitHistory
{
    private const char Field = '\u001f';
    private const int KeyLength = 12;

    /// <exception cref="ImportException">The path is no git repository, or git is not installed.</exception>
    public static async IAsyncEnumerable<WorkspaceItem> Read(string path, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var repository = await Name(path, cancellation);
        using var git = Start(path, "log", "-z", $"--format=%H{Field}%ct{Field}%s{Field}%b");
        var errors = git.StandardError.ReadToEndAsync(cancellation);
        await foreach (var record in Records(git.StandardOutput, cancellation))
        {
            var fields = record.Split(Field, 4);
            yield return new WorkspaceItem("pull_request", repository, null, fields[0][..KeyLength],
                fields[2], fields[3].Trim(), DateTimeOffset.FromUnixTimeSeconds(long.Parse(fields[1])));
        }

        await git.WaitForExitAsync(cancellation);
        if (git.ExitCode != 0)
        {
            throw new ImportException($"'{path}' has no readable git history: {(await errors).Trim()}");
        }
    }

    private static async IAsyncEnumerable<string> Records(StreamReader output, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var record = new System.Text.StringBuilder();
        var buffer = new char[8_192];
        int read;
        while ((read = await output.ReadAsync(buffer, cancellation)) > 0)
        {
            foreach (var c in buffer.AsMemory(0, read).ToArray())
            {
                if (c != '\0')
                {
                    record.Append(c);
                    continue;
                }

                yield return record.ToString();
                record.Clear();
            }
        }

        if (record.Length > 0)
        {
            yield return record.ToString();
        }
    }

    // The remote's owner and name, else the folder's name.
    private static async Task<string> Name(string path, CancellationToken cancellation)
    {
        using var git = Start(path, "config", "--get", "remote.origin.url");
        var url = (await git.StandardOutput.ReadToEndAsync(cancellation)).Trim();
        await git.WaitForExitAsync(cancellation);
        var parts = url.Split('/', ':').Where(part => part.Length > 0).ToList();
        return url.Contains("://", StringComparison.Ordinal) || url.Contains('@', StringComparison.Ordinal)
            ? string.Join('/', parts.TakeLast(2)).Replace(".git", "", StringComparison.Ordinal)
            : $"local/{Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)))}";
    }

    private static Process Start(string path, params string[] arguments)
    {
        var start = new ProcessStartInfo("git", ["-C", path, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new ImportException($"git cannot be started ({e.Message}): install it, or import a file instead.");
        }
    }
}
