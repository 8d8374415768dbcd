using System.CommandLine;
using EmbeddingFunctions.Cli.Status;
using EmbeddingFunctions.Cli.Tables;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Hosting;

namespace EmbeddingFunctions.Cli.Commands;

internal static class CorpusCommand
{
    public static Command Create() =>
        new CommandWithExamples("corpus", "Propose a declaration for a table, check the declarations, or list them.",
        "embeddings corpus init blog.articles",
        "embeddings corpus check",
        "embeddings corpus list") { Init(), Check(), List() };

    private static CommandWithExamples Init()
    {
        var table = new Argument<string>("table") { Description = "The table, with its schema where that is not searched." };
        var file = new Option<FileInfo?>("--output")
        {
            Description = "Write the declaration to this file, which must not be there yet.",
            HelpName = "file"
        };
        var json = Arguments.Json();
        var command = new CommandWithExamples("init", "Propose a declaration for a table of the database, for you to review.",
            "embeddings corpus init blog.articles",
            "embeddings corpus init articles --output corpora.json") { table, file, json };
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            return Failures.Guard(
                output, () => Propose(output, parsed.GetValue(table)!, parsed.GetValue(file), cancellation), cancellation);
        });
        return command;
    }

    private static CommandWithExamples Check()
    {
        var corpus = new Argument<string?>("corpus") { Description = "Only this corpus.", Arity = ArgumentArity.ZeroOrOne };
        var json = Arguments.Json();
        var command = new CommandWithExamples(
            "check", "Report every fault of the declarations with its line or, if there is none, of the database for them.",
            "embeddings corpus check",
            "CORPORA_FILE=corpora.json embeddings corpus check articles") { corpus, json };
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            return Failures.Guard(output, () => Check(output, parsed.GetValue(corpus), cancellation), cancellation);
        });
        return command;
    }

    private static CommandWithExamples List()
    {
        var json = Arguments.Json();
        var command = new CommandWithExamples(
            "list", "List the declared corpora, and whether the database was migrated for them.", "embeddings corpus list") { json };
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            return Failures.Guard(output, () => List(output, cancellation), cancellation);
        });
        return command;
    }

    private static async Task<int> Propose(Output output, string table, FileInfo? file, CancellationToken cancellation)
    {
        if (file?.Exists == true)
        {
            return output.Fail($"{file} is there already: name another file.", ExitCode.Usage);
        }

        // The file that is to be written need not be there yet.
        await using var session = await Session.Open(output, cancellation, settings => settings with { CorporaFile = null });
        var proposal = await session.Get<TableSurvey>().Propose(table, cancellation);
        foreach (var line in proposal.Unsure)
        {
            output.Note($"Look at {line}.");
        }

        if (file is not null)
        {
            await File.WriteAllTextAsync(file.FullName, proposal.Declaration + "\n", cancellation);
            output.Note($"Written to {file}. Next: CORPORA_FILE={file} embeddings corpus check");
        }

        output.Result(proposal, text => text.Write(file is null ? proposal.Declaration + "\n" : ""));
        return ExitCode.Done;
    }

    private static async Task<int> Check(Output output, string? corpus, CancellationToken cancellation)
    {
        var file = CorpusFile.Examine(SettingsReader.FromEnvironment().CorporaFile);
        var check = new CorporaCheck(file.Source, file.Faults, [], []);
        if (file.Faults.Count == 0)
        {
            await using var session = await Session.Open(output, cancellation);
            check = await session.Get<DeclaredCorpora>().Check(file, corpus, cancellation);
        }

        output.Result(check, text =>
        {
            foreach (var fault in check.Faults.OrderBy(fault => fault.Line))
            {
                text.WriteLine($"{check.Source}:{fault.Line}: {fault.Message}");
            }

            foreach (
                var line in check.Fits.Select(name => $"ok   {name}")
                    .Concat(check.Absent.Select(name => $"     {name}: its tables are not in this database")))
            {
                text.WriteLine(line);
            }
        });
        return check.IsWell ? ExitCode.Done : ExitCode.Usage;
    }

    private static async Task<int> List(Output output, CancellationToken cancellation)
    {
        await using var session = await Session.Open(output, cancellation);
        var corpora = await session.Get<DeclaredCorpora>().List(cancellation);
        output.Result(new { Corpora = corpora }, text =>
        {
            foreach (var corpus in corpora)
            {
                text.WriteLine(
                    $"{corpus.Name}: {string.Join(", ", corpus.Tables)}; {corpus.Model}, {corpus.Dimensions} dimensions; "
                        + $"{corpus.Schedule}; {(corpus.IsMigrated ? "migrated" : "not migrated")}");
            }
        });
        return ExitCode.Done;
    }
}
