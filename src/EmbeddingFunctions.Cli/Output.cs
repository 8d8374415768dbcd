using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;

namespace EmbeddingFunctions.Cli;

/// <summary>Where words go: results to standard output, as text or as one JSON object; all else to standard error.</summary>
internal sealed class Output(bool json)
{
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static readonly Lazy<IAnsiConsole> _terminal = new(
        () => AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) }));

    // Held while an answer is written, so that nothing ends the program in the middle of it.
    private static readonly Lock _answering = new();

    private static bool _isAnswered;

    private readonly TextWriter _errors = Console.Error;

    /// <summary>Standard error, as a terminal if it is one; what is written through it leaves a progress bar whole.</summary>
    public static IAnsiConsole Terminal => _terminal.Value;

    /// <summary>As the command line asks for it, be it right or wrong otherwise.</summary>
    public static Output For(ParseResult parsed) => new(parsed.Tokens.Any(token => token.Value == Arguments.JsonName));

    public void Note(string line) => _errors.WriteLine(line);

    /// <summary>
    /// Prints the result: for people by their own printer, for machines as one object; then, on standard error, what to do about it.
    /// </summary>
    public void Result(object result, Action<TextWriter> forPeople, string? advice = null)
    {
        lock (_answering)
        {
            _isAnswered = true;
            if (json)
            {
                Console.WriteLine(JsonSerializer.Serialize(result, _json));
            }
            else
            {
                forPeople(Console.Out);
            }

            if (advice is not null)
            {
                Note(advice);
            }
        }
    }

    public int Fail(string message, int exitCode)
    {
        lock (_answering)
        {
            _isAnswered = true;
            Note(message);
            if (json)
            {
                Console.WriteLine(JsonSerializer.Serialize(new { Error = message, ExitCode = exitCode }, _json));
            }

            return exitCode;
        }
    }

    /// <summary>Ends the program: after the answer if one was given or is being written, else with these words.</summary>
    /// <param name="patience">How long an answer that is being written is waited for: its reader may have stopped reading.</param>
    public void End(string message, int exitCode, TimeSpan patience)
    {
        // Kept until the end: no second answer follows.
        _ = _answering.TryEnter(patience);
        Environment.Exit(_isAnswered ? exitCode : Fail(message, exitCode));
    }
}
