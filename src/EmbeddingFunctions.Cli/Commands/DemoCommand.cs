using System.CommandLine;
using EmbeddingFunctions.Cli.Imports;
using EmbeddingFunctions.Cli.Samples;
using EmbeddingFunctions.Cli.Search;
using EmbeddingFunctions.Cli.Status;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.Status;

namespace EmbeddingFunctions.Cli.Commands;

internal static class DemoCommand
{
    private const string Corpus = "workspace";
    private const int Similar = 4;
    private const int Answers = 3;

    public static Command Create()
    {
        var git = new Option<DirectoryInfo?>("--git")
        {
            Description = "The git repository whose history is embedded along; by default the one of this folder.",
            HelpName = "path"
        };
        var command = new CommandWithExamples(
            "demo", "Load a small workspace and a git history into Postgres; embed, count and search them.",
            "embeddings demo",
            "embeddings demo --git ../another-repository") { git };
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(json: false);
            return Failures.Guard(output, () => Run(output, parsed.GetValue(git), cancellation), cancellation);
        });
        return command;
    }

    private static async Task<int> Run(Output output, DirectoryInfo? git, CancellationToken cancellation)
    {
        // Sample data has no place in a database of the user's.
        await using var session = await Session.Open(output, cancellation, settings => settings with { Database = null });
        session.Settings.EnsureEnabled();
        Console.WriteLine("1. Tables, columns, indexes");
        await MigrateCommand.Migrate(session, output, Corpus, withSampleTables: true, cancellation);
        Console.WriteLine("2. A workspace of three repositories, and a git history");
        await Import(session, output, git, cancellation);
        Console.WriteLine("3. Backfill");
        var request = new RunRequest(Corpus, [], Concurrency: session.Settings.BatchesInFlight) { AllowMixedModels = true };
        var outcome = await BackfillCommand.RunOnce(session, output, request, cancellation);
        var summary = await BackfillCommand.Summarise(session, request, [outcome], isInterrupted: false, cancellation);
        summary.Print(output);
        if (outcome.Status != RunStatus.Completed)
        {
            return summary.ExitCode;
        }

        Console.WriteLine();
        Console.WriteLine("4. Status");
        StatusText.Print(await session.Get<StatusReport>().Of(Corpus, cancellation), Console.Out);
        Console.WriteLine();
        Console.WriteLine("5. Similar items (1.00 would be the same text)");
        foreach (var title in SampleWorkspace.Questions)
        {
            await PrintSimilar(session, title, cancellation);
        }

        Console.WriteLine();
        Console.WriteLine("6. Questions in plain words");
        foreach (var question in SampleWorkspace.PlainQuestions)
        {
            await PrintAnswers(session, question, cancellation);
        }

        return summary.ExitCode;
    }

    private static async Task Import(Session session, Output output, DirectoryInfo? git, CancellationToken cancellation)
    {
        var import = session.Get<WorkspaceImport>();
        await using var sample = SampleWorkspace.Open();
        var items = await import.ImportLines(sample, "demo", cancellation);
        Console.WriteLine($"   {items.Read} items of the sample workspace");
        try
        {
            var commits = await import.ImportGit(git?.FullName ?? Directory.GetCurrentDirectory(), "demo", cancellation);
            Console.WriteLine($"   {commits.Read:N0} commits as pull requests");
        }
        catch (ImportException e) when (git is null)
        {
            Console.WriteLine($"   no git history: {e.Message}");
        }
    }

    private static async Task PrintAnswers(Session session, string question, CancellationToken cancellation)
    {
        var request = new SearchRequest { Corpus = Corpus, Query = question, Limit = Answers };
        var answer = await session.Get<ISearch>().SearchAsync(request, cancellation);
        Console.WriteLine();
        Console.WriteLine($"  {question}");
        foreach (var item in answer.Results)
        {
            Console.WriteLine($"    {item.Similarity ?? 0:0.00}  {item.Kind,-13} {item.Title}");
        }
    }

    private static async Task PrintSimilar(Session session, string title, CancellationToken cancellation)
    {
        var similar = await session.Get<SimilarItems>().ToTitle(Corpus, title, Similar, cancellation);
        Console.WriteLine();
        Console.WriteLine($"  {title}");
        foreach (var item in similar.Skip(1))
        {
            Console.WriteLine($"    {item.Similarity:0.00}  {item.Kind,-13} {item.Title}");
        }
    }
}
