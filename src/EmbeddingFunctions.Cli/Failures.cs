using System.CommandLine;
using System.CommandLine.Parsing;
using EmbeddingFunctions.Cli.Imports;
using EmbeddingFunctions.Cli.Server;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Cli;

/// <summary>Turns what went wrong into one message and an exit code.</summary>
internal static class Failures
{
    private const string CheckDatabase = "\nCheck DATABASE_URL, and that the server runs and lets you in; 'embeddings doctor' looks at "
        + "all of it.";

    /// <summary>The command line is wrong: says how, and what a right one looks like.</summary>
    public static int Usage(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        var errors = command.Subcommands.Count > 0
            ? [NoCommand(command, parsed.UnmatchedTokens)]
            : parsed.Errors.Select(error => WithoutAddress(WithHint(error.Message, parsed.UnmatchedTokens, command)));
        var example = command is CommandWithExamples { Examples: var examples } ? $"For example: {examples[0]}\n" : "";
        return Output.For(parsed).Fail($"{string.Join('\n', errors)}\n{example}See '{Path(parsed.CommandResult)} --help'.", ExitCode.Usage);
    }

    /// <summary>Runs a command's work; failures become their message, without a stack trace where their cause is known.</summary>
    public static async Task<int> Guard(Output output, Func<Task<int>> work, CancellationToken cancellation)
    {
        try
        {
            return await work();
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return output.Fail("Interrupted. The same command again goes on where this one stopped.", ExitCode.Interrupted);
        }
        catch (Exception e)
        {
            var (message, exitCode) = Explain(e);
            return cancellation.IsCancellationRequested
                ? output.Fail($"{Interruption.HeldBack}\n{message}", ExitCode.Interrupted)
                : output.Fail(message, exitCode);
        }
    }

    private static string NoCommand(Command command, IReadOnlyList<string> unmatched)
    {
        var names = command.Subcommands.Select(c => c.Name).ToList();
        var (sort, known) = unmatched is [['-', ..], ..] ? ("option", command.Options.Select(o => o.Name)) : ("command", names);
        var wrong = unmatched.Count == 0 ? "" : $"There is no {sort} '{unmatched[0]}'{Hint(unmatched[0], known)} ";
        return $"{wrong}Name one of the commands: {string.Join(", ", names)}.";
    }

    // The parser names a misspelt option without a word of the right one.
    private static string WithHint(string message, IReadOnlyList<string> unmatched, Command command) =>
        unmatched.FirstOrDefault(token => token.StartsWith('-') && message.Contains($"'{token}'", StringComparison.Ordinal)) is { } wrong
            ? message.TrimEnd('.') + Hint(wrong, command.Options.Select(option => option.Name))
            : message;

    // What was typed in a wrong place may be an address with a password.
    private static string WithoutAddress(string message) =>
        message.Contains("://", StringComparison.Ordinal) ? Clean(message) : message;

    private static string Hint(string name, IEnumerable<string> known) =>
        NearestName.Hint(name, known) is { Length: > 0 } hint ? hint : ".";

    private static string Path(SymbolResult? result) =>
        result is CommandResult command ? $"{Path(command.Parent)} {command.Command.Name}".TrimStart() : "";

    private static (string Message, int ExitCode) Explain(Exception e) => e switch
    {
        ActivityFailedException { InnerException: { } cause } => Explain(cause),
        RemoteHostException remote => (remote.Message, remote.IsUsage ? ExitCode.Usage : ExitCode.Failed),
        SettingsException or CorpusException or InvalidSearchException or ImportException or EmbeddedPostgresException =>
            (e.Message, ExitCode.Usage),
        SearchUnavailableException unavailable =>
            ($"{Clean(unavailable.Message)}. '--mode text' searches without the provider.", ExitCode.Failed),
        ProviderException provider => (
            $"The provider gave no vectors: {Clean(provider.Message)}. 'embeddings doctor' looks at it.", ExitCode.Failed),
        PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable } =>
            ("Another session has one of the rows locked: run the command again to do the rest.", ExitCode.Failed),
        PostgresException { SqlState: PostgresErrorCodes.QueryCanceled } cut =>
            (
                $"The database ended a statement: {cut.MessageText}. Lift the limit for this user: ALTER ROLE … SET statement_timeout = 0.",
                ExitCode.Failed),
        PostgresException misfit when DatabaseFaults.IsSchemaMismatch(misfit) =>
            ($"The database is not as it was migrated: {misfit.MessageText}. "
                + "'embeddings doctor' says what is missing, 'embeddings migrate CORPUS' makes it.", ExitCode.Failed),
        PostgresException refused =>
            (
                $"The database refused: {refused.MessageText} ({refused.SqlState}).{(LetsNobodyIn(refused) ? CheckDatabase : "")}",
                ExitCode.Failed),
        _ when DatabaseFaults.IsTooSlow(e) =>
            ($"{char.ToUpperInvariant(DatabaseFaults.TooSlow[0])}{DatabaseFaults.TooSlow[1..]}.", ExitCode.Failed),
        NpgsqlException or TimeoutException => ($"The database cannot be reached: {e.Message}.{CheckDatabase}", ExitCode.Failed),
        _ => ($"A fault of this program, please report it: {e.GetType().Name}: {Clean(e.Message)}\n{e.StackTrace}", ExitCode.Failed),
    };

    // Wrong user, password or database, or too many connections.
    private static bool LetsNobodyIn(PostgresException e) => e.SqlState[..2] is "28" or "3D" or "53";

    private static string Clean(string message)
    {
        try
        {
            return new Redaction(SettingsReader.FromEnvironment()).Clean(message);
        }
        catch (SettingsException)
        {
            // Nothing was done with settings like these, so no secret of theirs is in the message.
            return message;
        }
    }
}
