using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Cli.Imports;

/// <summary>Tells the history of a local git repository as pull requests: a commit each, its subject the title.</summary>
internal static partial class GitHistory
{
    private const int FieldsOfCommit = 4;
    private const int KeyLength = 12;
    private const long LastSecond = 253_402_300_799;

    /// <exception cref="ImportException">The path is no git repository, git is not installed, or it ended before its end.</exception>
    public static async IAsyncEnumerable<WorkspaceItem> Read(string path, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var repository = await Name(path, cancellation);
        // NUL between the fields, too: it is the one character that no message holds.
        using var git = Start(path, "-c", "log.showSignature=false", "log", "-z", "--encoding=UTF-8", "--format=%H%x00%ct%x00%s%x00%b");
        try
        {
            var errors = git.StandardError.ReadToEndAsync(cancellation);
            await foreach (
                var fields in Fields(git.StandardOutput, cancellation).Chunk(FieldsOfCommit)
                    .Where(fields => fields.Length == FieldsOfCommit))
            {
                yield return Item(repository, fields);
            }

            await git.WaitForExitAsync(cancellation);
            if (git.ExitCode != 0)
            {
                throw new ImportException($"'{path}' has no readable git history: {(await errors).Trim()} (git ended with {git.ExitCode})");
            }
        }
        finally
        {
            // A reader that stops would leave it waiting at a full pipe.
            if (!git.HasExited)
            {
                git.Kill();
            }
        }
    }

    private static WorkspaceItem Item(string repository, string[] fields)
    {
        _ = long.TryParse(fields[1], out var seconds);
        var time = DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(seconds, 0, LastSecond));
        return new WorkspaceItem("pull_request", repository, null, fields[0][..KeyLength], fields[2], fields[3].Trim(), time);
    }

    private static async IAsyncEnumerable<string> Fields(StreamReader output, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var field = new StringBuilder();
        var buffer = new char[8_192];
        int read;
        while ((read = await output.ReadAsync(buffer, cancellation)) > 0)
        {
            for (var (from, end) = (0, 0); from < read; from = end + 1)
            {
                end = Array.IndexOf(buffer, '\0', from, read - from);
                field.Append(buffer, from, (end < 0 ? read : end) - from);
                if (end < 0)
                {
                    break;
                }

                yield return field.ToString();
                field.Clear();
            }
        }
    }

    // The remote's owner and name, else the folder's name.
    private static async Task<string> Name(string path, CancellationToken cancellation)
    {
        using var git = Start(path, "config", "--get", "remote.origin.url");
        var url = (await git.StandardOutput.ReadToEndAsync(cancellation)).Trim();
        await git.WaitForExitAsync(cancellation);
        return NameOf(url) ?? $"local/{Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)))}";
    }

    /// <returns>The last two parts of a remote's address, without what may be a secret in it; null if it is no address but a
    /// folder.</returns>
    internal static string? NameOf(string url)
    {
        var address = AddressPattern().Match(url);
        var parts = address.Groups["path"].Value.Split('/', StringSplitOptions.RemoveEmptyEntries).TakeLast(2);
        var name = string.Join('/', parts);
        return name.Length == 0 ? null : name.EndsWith(".git", StringComparison.Ordinal) ? name[..^".git".Length] : name;
    }

    private static Process Start(string path, params string[] arguments)
    {
        var start = new ProcessStartInfo("git", ["-C", path, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        // Set where git itself started us, in a hook: they would name its repository instead.
        start.Environment.Remove("GIT_DIR");
        start.Environment.Remove("GIT_WORK_TREE");
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new ImportException($"git cannot be started ({e.Message}): install it, or import a file instead.");
        }
    }

    // https://user:secret@host:443/owner/name, or git@host:owner/name.
    [GeneratedRegex(@"^(?:[a-z+]+://[^/]+/|[^/:]+@[^/:]+:)(?<path>.*)$")]
    private static partial Regex AddressPattern();
}
