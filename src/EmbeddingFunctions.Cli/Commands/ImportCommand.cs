using System.CommandLine;
using EmbeddingFunctions.Imports;

namespace EmbeddingFunctions.Cli.Commands;

internal static class ImportCommand
{
    private const int MaxShown = 10;

    public static Command Create()
    {
        var file = new Argument<FileInfo?>("file") { Description = "JSON lines, plain or gzipped, with kind, repository, number, key, title, body and updated_at (Unix seconds).", Arity = ArgumentArity.ZeroOrOne };
        var git = new Option<DirectoryInfo?>("--git") { Description = "Import the history of this local git repository as pull requests." };
        var workspace = new Option<string>("--workspace") { Description = "The active workspace that the repositories join.", DefaultValueFactory = _ => "imported" };
        var outside = new Option<bool>("--no-workspace") { Description = "Leave the repositories outside every workspace: nothing of them is embedded." };
        var json = Arguments.Json();
        var command = new Command("workspace",
            """
            Import issues, pull requests and discussions into the sample tables. Done twice, it changes nothing.

            Examples:
              embeddings import workspace items.jsonl.gz
              embeddings import workspace --git .
            """) { file, git, workspace, outside, json };
        command.Validators.Add(result =>
        {
            if (result.GetValue(file) is null == (result.GetValue(git) is null))
            {
                result.AddError("Name either a file or --git PATH.");
            }
        });
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            var name = parsed.GetValue(outside) ? null : parsed.GetValue(workspace);
            return Failures.Guard(output, () => Run(output, parsed.GetValue(file), parsed.GetValue(git), name, cancellation), cancellation);
        });
        return new Command("import", "Bring items from a file or a git history into the database.") { command };
    }

    private static async Task<int> Run(Output output, FileInfo? file, DirectoryInfo? git, string? workspace, CancellationToken cancellation)
    {
        if (file is { Exists: false })
        {
            return output.Fail($"There is no file '{file}'.", ExitCode.Usage);
        }

        await using var session = await Session.Open(output, cancellation);
        var imported = file is not null ? await ImportFile(session, file, workspace, cancellation)
            : await session.Get<WorkspaceImport>().ImportGit(git!.FullName, workspace, cancellation);
        foreach (var line in imported.BadLines.Take(MaxShown))
        {
            output.Note($"line {line.Number}: {line.Reason}");
        }

        output.Result(imported, text => text.WriteLine(Describe(imported)));
        return imported.Bad > 0 ? ExitCode.WithFailures : ExitCode.Done;
    }

    private static async Task<ImportedItems> ImportFile(Session session, FileInfo file, string? workspace, CancellationToken cancellation)
    {
        await using var stream = file.OpenRead();
        return await session.Get<WorkspaceImport>().ImportLines(stream, workspace, cancellation);
    }

    private static string Describe(ImportedItems imported) =>
        $"Read {imported.Read:N0} items, {imported.Written:N0} of them new or changed."
        + (imported.Bad == 0 ? "" : $" {imported.Bad:N0} lines are no items and were left out{(imported.Bad > MaxShown ? $"; the first {MaxShown} are shown above" : "")}.");
}
