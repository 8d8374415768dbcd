using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace EmbeddingFunctions.Cli;

/// <summary>Prints a command's help and then its examples.</summary>
internal sealed class HelpWithExamples(HelpAction inner, IReadOnlyList<string> ofRoot) : SynchronousCommandLineAction
{
    private const int Gap = 2;

    public override bool ClearsParseErrors => true;

    public static void AddTo(RootCommand root, params string[] examples)
    {
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!, examples);
    }

    public override int Invoke(ParseResult parseResult)
    {
        var text = parseResult.InvocationConfiguration.Output;
        using var help = new StringWriter();
        parseResult.InvocationConfiguration.Output = help;
        var exitCode = inner.Invoke(parseResult);
        parseResult.InvocationConfiguration.Output = text;
        var command = parseResult.CommandResult.Command;
        text.Write(command.Subcommands.Aggregate(help.ToString(), WithOptionalArguments));
        text.WriteLine("Examples:");
        foreach (var example in (command as CommandWithExamples)?.Examples ?? ofRoot)
        {
            text.WriteLine($"  {example}");
        }

        return exitCode;
    }

    // The list of commands shows each argument as if it were required; a command's own usage does not.
    private static string WithOptionalArguments(string help, Command command)
    {
        string Line(Func<Argument, string> label) => $"\n  {string.Join(' ', command.Arguments.Select(label).Prepend(command.Name))}";
        var (found, right) = (Line(a => $"<{a.Name}>"), Line(a => a.Arity.MinimumNumberOfValues == 0 ? $"[<{a.Name}>]" : $"<{a.Name}>"));
        var padded = found + new string(' ', right.Length - found.Length + Gap);
        return help.Contains(padded, StringComparison.Ordinal)
            ? help.Replace(padded, right + new string(' ', Gap), StringComparison.Ordinal)
            : help.Replace(found, right, StringComparison.Ordinal);
    }
}
