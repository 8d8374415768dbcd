using System.CommandLine;
using EmbeddingFunctions.Cli.Imports;

namespace EmbeddingFunctions.Cli.Commands;

internal static class ImportCommand
{
    private const int MaxShown = 10;

    private static readonly string[] _workspaceExamples = [
        "embeddings import workspace items.jsonl.gz", "embeddings import workspace --git ."];
    private static readonly string[] _documentsExamples = ["embeddings import documents documents.jsonl.gz"];

    public static Command Create() =>
        new CommandWithExamples(
            "import", "Load items from a file or a git history into the database.", [.. _workspaceExamples, .. _documentsExamples])
        {
            Workspace(), Documents(),
        };

    private static Command Documents()
    {
        var file = new Argument<FileInfo>("file")
        {
            Description = "JSON lines, plain or gzipped, with archive, member, title and content."
        };
        var json = Arguments.Json();
        var command = new CommandWithExamples(
            "documents", "Import documents into the sample table. It may be repeated.", _documentsExamples) { file, json };
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            var path = parsed.GetValue(file)!;
            return Failures.Guard(output, () => Missing(output, path, "") ?? Run(output, session => ImportFile(
                path, stream => session.Get<DocumentsImport>().ImportLines(stream, cancellation)), cancellation), cancellation);
        });
        return command;
    }

    private static Command Workspace()
    {
        var file = new Argument<FileInfo?>("file")
        {
            Description = "JSON lines, plain or gzipped, with kind, repository, number, key, title, body and updated_at (Unix seconds).",
            Arity = ArgumentArity.ZeroOrOne
        };
        var git = new Option<DirectoryInfo?>("--git")
        {
            Description = "Import the history of this local git repository as pull requests.",
            HelpName = "path"
        };
        var workspace = new Option<string>("--workspace")
        {
            Description = "The active workspace that the repositories join.",
            DefaultValueFactory = _ => "imported",
            HelpName = "name"
        };
        var outside = new Option<bool>("--no-workspace")
        {
            Description = "Add the repositories to no workspace: unless they are in an active one already, nothing of them is embedded."
        };
        var json = Arguments.Json();
        var command = new CommandWithExamples(
            "workspace", "Import issues, pull requests and discussions into the sample tables. It may be repeated.",
            _workspaceExamples) { file, git, workspace, outside, json };
        command.Validators.Add(result =>
        {
            if (result.GetValue(file) is null == (result.GetValue(git) is null))
            {
                result.AddError("Name either a file or --git PATH.");
            }

            if (result.GetValue(outside) && result.GetResult(workspace) is { Implicit: false })
            {
                result.AddError("Name either --workspace or --no-workspace.");
            }
        });
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            var name = parsed.GetValue(outside) ? null : parsed.GetValue(workspace);
            var (path, folder) = (parsed.GetValue(file), parsed.GetValue(git));
            return Failures.Guard(output, () => Missing(output, path, ", or give --git PATH") ?? Run(output, session => path is null
                ? session.Get<WorkspaceImport>().ImportGit(folder!.FullName, name, cancellation)
                : ImportFile(path, stream => session.Get<WorkspaceImport>().ImportLines(stream, name, cancellation)), cancellation),
                cancellation);
        });
        return command;
    }

    private static Task<int>? Missing(Output output, FileInfo? file, string otherwise) =>
        Directory.Exists(file?.FullName)
            ? Task.FromResult(output.Fail($"'{file}' is a folder: name a file of JSON lines{otherwise}.", ExitCode.Usage))
        : file is { Exists: false }
            ? Task.FromResult(
                output.Fail($"There is no file '{file}': name one of JSON lines, plain or gzipped{otherwise}.", ExitCode.Usage))
        : null;

    private static async Task<int> Run(Output output, Func<Session, Task<ImportedItems>> import, CancellationToken cancellation)
    {
        await using var session = await Session.Open(output, cancellation);
        var imported = await import(session);
        foreach (var line in imported.BadLines.Take(MaxShown))
        {
            output.Note($"line {line.Number}: {line.Reason}");
        }

        output.Result(imported, text => text.WriteLine(Describe(imported)));
        return imported.Bad > 0 ? ExitCode.WithFailures : ExitCode.Done;
    }

    private static async Task<ImportedItems> ImportFile(FileInfo file, Func<Stream, Task<ImportedItems>> import)
    {
        try
        {
            await using var stream = file.OpenRead();
            return stream.CanSeek
                ? await import(stream)
                : throw new ImportException($"'{file}' is a pipe: name a file.");
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new ImportException($"'{file}' cannot be read to its end: {e.Message} What was read until there is imported.");
        }
    }

    private static string Describe(ImportedItems imported) =>
        $"Read {imported.Read:N0} items, {imported.Written:N0} of them new or changed."
        + (
            imported.Bad == 0
                ? ""
                : $" {imported.Bad:N0} lines are no items and were left "
                    + $"out{(imported.Bad > MaxShown ? $"; the first {MaxShown} are shown above" : "")}.");
}
