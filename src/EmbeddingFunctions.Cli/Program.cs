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
    DoctorCommand.Create(),
};

var parsed = root.Parse(args);
if (parsed.Errors.Count > 0)
{
    return Failures.Usage(parsed);
}

// Ctrl-C and SIGTERM cancel the command's token; it then has this long to give back what it holds.
return await parsed.InvokeAsync(new InvocationConfiguration
{
    ProcessTerminationTimeout = TimeSpan.FromSeconds(10),
    EnableDefaultExceptionHandler = false,
});
