using System.CommandLine;
using EmbeddingFunctions.Cli;
using EmbeddingFunctions.Cli.Commands;

var root = new RootCommand("Makes vectors for texts in Postgres, and keeps them true to their text.")
{
    DemoCommand.Create(),
    MigrateCommand.Create(),
    ImportCommand.Create(),
    BackfillCommand.Create(),
    StatusCommand.Create(),
    ServeCommand.Create(),
    TriggerCommand.Create(),
    DoctorCommand.Create(),
    ProviderCommand.Create(),
    FailuresCommand.Create(),
    QueueCommand.Create(),
    AuditCommand.Create(),
    ForgetCommand.Create(),
    UninstallCommand.Create(),
    CorpusCommand.Create(),
};
HelpWithExamples.AddTo(root, "embeddings demo", "embeddings backfill workspace", "embeddings backfill --help");

var parsed = root.Parse(LegacyAliases.Replace(args));
if (parsed.Errors.Count > 0)
{
    return Failures.Usage(parsed);
}

using var interruption = new Interruption(Output.For(parsed));
return await parsed.InvokeAsync(
    new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false }, interruption.Asked);
