using System.CommandLine;
using EmbeddingFunctions.Cli.Samples;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Schema;

namespace EmbeddingFunctions.Cli.Commands;

internal static class MigrateCommand
{
    public static Command Create()
    {
        var corpus = Arguments.Corpus();
        var sampleTables = new Option<bool>("--with-sample-tables")
        {
            Description = "Create the base tables of a shipped corpus where they are missing."
        };
        var down = new Option<bool>("--down")
        {
            Description = "Take away what migrate made for the corpus, all its vectors included; your tables and the extension stay."
        };
        var takeOver = new Option<bool>("--take-over")
        {
            Description = "Use columns and other objects of the needed names that are there already, and overwrite them; --down leaves "
                + "them."
        };
        var yes = new Option<bool>("--yes")
        {
            Description = "Drop what searches may use: with --down all that was made for the corpus, without it what is no longer declared."
        };
        var plan = new Option<bool>("--plan")
        {
            Description = "Print the SQL that would run, for psql, and change nothing."
        };
        var json = Arguments.Json();
        var command = new CommandWithExamples(
            "migrate",
            "Create the columns, indexes and triggers that a corpus needs; repeatable, and safe to run from several places at once.",
            "embeddings migrate workspace",
            "embeddings migrate workspace --with-sample-tables",
            "embeddings migrate articles --plan > migration.sql",
            "embeddings migrate clips --down --yes") { corpus, sampleTables, takeOver, plan, down, yes, json };
        command.Validators.Add(result =>
        {
            if (result.GetValue(down) && (result.GetValue(sampleTables) || result.GetValue(takeOver)))
            {
                result.AddError("--with-sample-tables and --take-over do not go with --down.");
            }

            if (result.GetValue(plan) && (result.GetValue(down) || result.GetValue(sampleTables)))
            {
                result.AddError("--plan does not go with --down, which lists what it would drop, or with --with-sample-tables.");
            }
        });
        command.SetAction((parsed, cancellation) =>
        {
            var (output, name) = (new Output(parsed.GetValue(json)), parsed.GetValue(corpus)!);
            var options = new MigrationOptions(
                parsed.GetValue(sampleTables) ? SampleTables.Of(name) : null, parsed.GetValue(takeOver),
                DropUndeclared: parsed.GetValue(yes),
                AllowOlderDeclaration: parsed.GetValue(yes));
            return Failures.Guard(
                output,
                () => parsed.GetValue(down) ? Remove(output, name, parsed.GetValue(yes), cancellation)
                    : parsed.GetValue(plan) ? Plan(output, name, options, cancellation)
                    : Run(output, name, options, cancellation),
                cancellation);
        });
        return command;
    }

    public static Task Migrate(Session session, Output output, string corpus, bool withSampleTables, CancellationToken cancellation) =>
        Migrate(session, output, corpus, new MigrationOptions(withSampleTables ? SampleTables.Of(corpus) : null), cancellation);

    private static async Task Migrate(
        Session session, Output output, string corpus, MigrationOptions options, CancellationToken cancellation)
    {
        foreach (var generation in session.Corpora.GenerationsOf(corpus))
        {
            await session.Get<Migrator>().Migrate(generation, options, line => output.Note($"{line} …"), cancellation);
        }
    }

    private static async Task<int> Run(Output output, string corpus, MigrationOptions options, CancellationToken cancellation)
    {
        await using var session = await Session.Open(output, cancellation);
        await Migrate(session, output, corpus, options, cancellation);
        output.Result(
            new { Corpus = corpus, Migrated = true }, text => text.WriteLine($"The database is ready for the corpus '{corpus}'."));
        return ExitCode.Done;
    }

    private static async Task<int> Plan(Output output, string corpus, MigrationOptions options, CancellationToken cancellation)
    {
        await using var session = await Session.Open(output, cancellation);
        var script = await session.Get<Migrator>().Plan(session.Corpora.Live(corpus), options, cancellation);
        output.Result(
            new { Corpus = corpus, Migrated = script.Length == 0, Script = script },
            text => text.WriteLine(script.Length == 0 ? $"-- The database is ready for the corpus '{corpus}': nothing to do." : script));
        return ExitCode.Done;
    }

    private static async Task<int> Remove(Output output, string corpus, bool isSure, CancellationToken cancellation)
    {
        await using var session = await Session.Open(output, cancellation);
        var removal = session.Get<CorpusRemoval>();
        var kept = await removal.Stays(corpus, cancellation);
        // The generation that is not live is of no use alone; nor is what a removal left that was stopped.
        var names = session.Corpora.All.Where(kept => kept.DeclaredName == corpus).Select(kept => kept.Name)
            .Union((await removal.Recorded(cancellation)).Where(name => Generation.CorpusOf(name) == corpus))
            .DefaultIfEmpty(corpus).ToList();
        var plan = new List<string>();
        foreach (var name in names)
        {
            plan.AddRange(await removal.Plan(name, cancellation));
        }

        if (plan.Count > 0 && !isSure)
        {
            return output.Fail(
                $"This would go, and not come back:{string.Concat(plan.Select(line => $"\n  - {line}"))}\nAdd --yes to do it.",
                ExitCode.Usage);
        }

        var isKept = session.Corpora.All.Any(kept => kept.DeclaredName == corpus && kept.Generation is not null);
        foreach (var name in plan.Count > 0 || isKept ? names : [])
        {
            await removal.EnsureIdle(name, cancellation);
        }

        foreach (var name in plan.Count > 0 ? names : [])
        {
            await removal.Remove(name, line => output.Note($"{line} …"), cancellation);
        }

        IReadOnlyList<string> stays = plan.Count == 0 ? [] : kept;
        output.Result(new { Corpus = corpus, Migrated = false, Removed = plan, Stays = stays }, text => text.WriteLine(
            plan.Count == 0 ? $"The database was not migrated for the corpus '{corpus}': nothing to do."
            : $"All that was made for the corpus '{corpus}' is gone. What stays:{Lines([.. stays, "your tables"])}\n'embeddings "
                + "uninstall' takes away what corpora share."));
        return ExitCode.Done;
    }

    private static string Lines(IEnumerable<string> lines) => string.Concat(lines.Select(line => $"\n  - {line}"));
}
