using System.CommandLine;
using EmbeddingFunctions.Storage.Migrations;

namespace EmbeddingFunctions.Cli.Commands;

internal static class MigrateCommand
{
    public static Command Create()
    {
        var corpus = Arguments.Corpus();
        var sampleTables = new Option<bool>("--with-sample-tables") { Description = "Create the base tables of a shipped corpus where they are missing." };
        var json = Arguments.Json();
        var command = new CommandWithExamples("migrate", "Bring the database to what a corpus needs; may be run again, and by many at once.",
            "embeddings migrate workspace",
            "embeddings migrate workspace --with-sample-tables    (on an empty database)") { corpus, sampleTables, json };
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            return Failures.Guard(output, () => Run(output, parsed.GetValue(corpus)!, parsed.GetValue(sampleTables), cancellation), cancellation);
        });
        return command;
    }

    private static async Task<int> Run(Output output, string corpus, bool withSampleTables, CancellationToken cancellation)
    {
        await using var session = await Session.Open(output, cancellation);
        await Migrate(session, output, corpus, withSampleTables, cancellation);
        output.Result(new { Corpus = corpus, Migrated = true }, text => text.WriteLine($"The database is ready for the corpus '{corpus}'."));
        return ExitCode.Done;
    }

    public static Task Migrate(Session session, Output output, string corpus, bool withSampleTables, CancellationToken cancellation) =>
        session.Get<Migrator>().Migrate(session.Corpora.Get(corpus), withSampleTables, line => output.Note($"{line} …"), cancellation);
}
