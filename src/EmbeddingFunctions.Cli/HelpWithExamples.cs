using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace EmbeddingFunctions.Cli;

/// <summary>Prints a command's help and then its examples.</summary>
internal sealed class HelpWithExamples(HelpAction standard, IReadOnlyList<string> ofRoot) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public static void AddTo(RootCommand root, params string[] examples)
    {
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!, examples);
    }

    public override int Invoke(ParseResult parseResult)
    {
        var exitCode = standard.Invoke(parseResult);
        var text = parseResult.InvocationConfiguration.Output;
        text.WriteLine("Examples:");
        foreach (var example in parseResult.CommandResult.Command is CommandWithExamples command ? command.Examples : ofRoot)
        {
            text.WriteLine($"  {example}");
        }

        return exitCode;
    }
}
