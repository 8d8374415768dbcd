using System.CommandLine;
using EmbeddingFunctions.Cli;
using EmbeddingFunctions.Cli.Commands;

var root = new RootCommand(
    "Embeds the text of Postgres rows, and keeps the vectors up to date. Settings come from the environment: DATABASE_URL, "
        + "CORPORA_FILE, OPENAI_API_KEY and others (docs/configuration.md).")
{
    DemoCommand.Create(),
    CorpusCommand.Create(),
    MigrateCommand.Create(),
    ImportCommand.Create(),
    BackfillCommand.Create(),
    SearchCommand.Create(),
    SearchCommand.CreateSimilar(),
    RecallCommand.Create(),
    StatusCommand.Create(),
    CostCommand.Create(),
    PauseCommand.Create(),
    PauseCommand.CreateResume(),
    ServeCommand.Create(),
    McpCommand.Create(),
    TriggerCommand.Create(),
    DoctorCommand.Create(),
    ProviderCommand.Create(),
    FailuresCommand.Create(),
    QueueCommand.Create(),
    AuditCommand.Create(),
    AdoptCommand.Create(),
    ForgetCommand.Create(),
    SwitchCommand.Create(),
    IndexCommand.Create(),
    UninstallCommand.Create(),
};
HelpWithExamples.AddTo(
    root, "embeddings demo", "embeddings corpus init articles", "embeddings backfill articles", "embeddings backfill --help");

var parsed = root.Parse(LegacyAliases.Replace(args));
if (parsed.Errors.Count > 0)
{
    return Failures.Usage(parsed);
}

using var interruption = new Interruption(Output.For(parsed));
return await parsed.InvokeAsync(
    new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false }, interruption.Asked);
