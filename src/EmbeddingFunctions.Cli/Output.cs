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

    private static readonly Lazy<IAnsiConsole> _terminal = new(() => AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) }));

    private readonly TextWriter _errors = Console.Error;

    /// <summary>Standard error, as a terminal if it is one; what is written through it leaves a progress bar whole.</summary>
    public static IAnsiConsole Terminal => _terminal.Value;

    /// <summary>As the command line asks for it, be it right or wrong otherwise.</summary>
    public static Output For(ParseResult parsed) => new(parsed.Tokens.Any(token => token.Value == Arguments.JsonName));

    /// <summary>Whether the command's result has been told, good or bad: nothing may follow it.</summary>
    public static bool IsAnswered { get; private set; }

    public void Note(string line) => _errors.WriteLine(line);

    /// <summary>Prints the result: for people by their own printer, for machines as one object.</summary>
    public void Result(object result, Action<TextWriter> forPeople)
    {
        IsAnswered = true;
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(result, _json));
        }
        else
        {
            forPeople(Console.Out);
        }
    }

    public int Fail(string message, int exitCode)
    {
        IsAnswered = true;
        Note(message);
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { Error = message, ExitCode = exitCode }, _json));
        }

        return exitCode;
    }
}
