using System.CommandLine;
using EmbeddingFunctions.Imports;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.Status;

namespace EmbeddingFunctions.Cli.Commands;

internal static class DemoCommand
{
    private const string Corpus = "workspace";
    private const int Similar = 4;

    public static Command Create()
    {
        var git = new Option<DirectoryInfo?>("--git") { Description = "The git repository whose history is embedded along; by default the one of this folder." };
        var command = new Command("demo",
            """
            Show the whole of it: a small workspace and a git history are brought into Postgres, embedded, counted and searched.

            Examples:
              embeddings demo
              embeddings demo --git ../another-repository
            """) { git };
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(json: false);
            return Failures.Guard(output, () => Run(output, parsed.GetValue(git), cancellation), cancellation);
        });
        return command;
    }

    private static async Task<int> Run(Output output, DirectoryInfo? git, CancellationToken cancellation)
    {
        await using var session = await Session.Open(output, cancellation);
        output.Note("1. Tables, columns, indexes");
        await MigrateCommand.Migrate(session, output, Corpus, withSampleTables: true, cancellation);
        output.Note("2. A workspace of three repositories, and a git history");
        await Import(session, output, git, cancellation);
        output.Note("3. Backfill");
        var model = session.Settings.ModelFor(session.Corpora.Get(Corpus));
        var outcome = await BackfillCommand.RunOnce(session, output, new RunRequest(Corpus, [], Concurrency: session.Settings.Concurrency), model, cancellation);
        var exitCode = RunSummary.Print(output, Corpus, model, [outcome]);
        output.Note("");
        output.Note("4. Status");
        StatusCommand.Print(await session.Get<StatusReport>().Of(Corpus, cancellation), Console.Out);
        output.Note("");
        output.Note("5. Similar items");
        foreach (var title in SampleWorkspace.Questions)
        {
            await PrintSimilar(session, title, cancellation);
        }

        return exitCode;
    }

    private static async Task Import(Session session, Output output, DirectoryInfo? git, CancellationToken cancellation)
    {
        var import = session.Get<WorkspaceImport>();
        await using var sample = SampleWorkspace.Open();
        var items = await import.ImportLines(sample, "demo", cancellation);
        output.Note($"   {items.Read} items of the sample workspace");
        try
        {
            var commits = await import.ImportGit(git?.FullName ?? Directory.GetCurrentDirectory(), "demo", cancellation);
            output.Note($"   {commits.Read:N0} commits as pull requests");
        }
        catch (ImportException e) when (git is null)
        {
            output.Note($"   no git history: {e.Message}");
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
