using System.CommandLine;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Imports;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Cli;

/// <summary>Turns what went wrong into one message and an exit code.</summary>
internal static class Failures
{
    public static int Usage(ParseResult parsed)
    {
        foreach (var error in parsed.Errors)
        {
            Console.Error.WriteLine(error.Message);
        }

        Console.Error.WriteLine($"See 'embeddings {parsed.CommandResult.Command.Name} --help'.".Replace("embeddings embeddings", "embeddings", StringComparison.Ordinal));
        return ExitCode.Usage;
    }

    /// <summary>Runs a command's work; known failures become their message, without a stack trace.</summary>
    public static async Task<int> Guard(Output output, Func<Task<int>> work, CancellationToken cancellation)
    {
        try
        {
            return await work();
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return output.Fail("Interrupted.", ExitCode.Interrupted);
        }
        catch (Exception e) when (e is SettingsException or CorpusException or ImportException or EmbeddedPostgresException)
        {
            return output.Fail(e.Message, ExitCode.Usage);
        }
        catch (PostgresException e)
        {
            return output.Fail($"The database refused: {e.MessageText} ({e.SqlState}).", ExitCode.Failed);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            return output.Fail($"The database cannot be reached: {e.Message} Check DATABASE_URL with 'embeddings doctor'.", ExitCode.Failed);
        }
    }
}
