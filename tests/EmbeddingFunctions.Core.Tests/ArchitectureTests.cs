using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Core.Tests;

/// <summary>The house: who may know whom.</summary>
public sealed partial class ArchitectureTests
{
    // A folder knows only those named before it.
    private static readonly string[] _floors =
        [
            "Telemetry", "Corpora", "Texts", "Settings", "Storage", "Queues", "Providers", "Resilience", "Costs", "Caching", "Search",
            "Batches", "Adoption", "Runs", "BatchLane", "Schema", "Status", "Switching", "Alerts"];

    public static TheoryData<string> Folders => new(Directory.GetDirectories(Core()).Select(folder => Path.GetFileName(folder)!));

    [Theory]
    [MemberData(nameof(Folders))]
    public void Arrows_go_one_way(string folder)
    {
        var floor = Array.IndexOf(_floors, folder);
        Assert.True(floor >= 0, $"{folder} is no floor of the house yet: give it its place in the list.");
        var upwards =
            from file in Directory.GetFiles(Path.Combine(Core(), folder), "*.cs", SearchOption.AllDirectories)
            from Match use in UsePattern().Matches(File.ReadAllText(file))
            where Array.IndexOf(_floors, use.Groups[1].Value) > floor
            select $"{Path.GetFileName(file)} uses {use.Groups[1].Value}";
        Assert.Empty(upwards);
    }

    [Fact]
    public void The_engine_needs_neither_a_web_server_nor_a_client_of_a_provider_or_of_Redis()
    {
        string[] others = ["Microsoft.AspNetCore", "OpenAI", "Azure", "StackExchange", "System.ClientModel"];
        Assert.DoesNotContain(
            typeof(EmbeddingFunctions.Corpora.Corpus).Assembly.GetReferencedAssemblies().Select(assembly => assembly.Name!),
            name => others.Any(other => name.StartsWith(other, StringComparison.Ordinal)));
    }

    [Fact]
    public void The_local_model_is_carried_by_the_command_line_alone()
    {
        var carriers = Directory.GetFiles(Directory.GetParent(Core())!.FullName, "*.csproj", SearchOption.AllDirectories)
            .Where(project => File.ReadAllText(project).Contains("EmbeddingFunctions.Local.csproj", StringComparison.Ordinal))
            .Select(Path.GetFileName);
        Assert.Equal(["EmbeddingFunctions.Cli.csproj"], carriers);
    }

    [Fact]
    public void One_class_reads_the_settings()
    {
        var source = Directory.GetParent(Core())!.FullName;
        var readers = Directory.GetFiles(source, "*.cs", SearchOption.AllDirectories)
            .Where(file => File.ReadAllText(file).Contains("Environment.GetEnvironmentVariable", StringComparison.Ordinal)
                || File.ReadAllText(file).Contains("AddEnvironmentVariables", StringComparison.Ordinal))
            .Select(Path.GetFileName);
        Assert.Equal(["SettingsReader.cs"], readers);
    }

    [Fact]
    public void One_class_runs_statements()
    {
        var others = Directory.GetFiles(Core(), "*.cs", SearchOption.AllDirectories)
            .Where(file => CommandPattern().IsMatch(File.ReadAllText(file))).Select(Path.GetFileName);
        // What prepares a physical connection must work without tasks too.
        Assert.Equal(["SqlRunner.cs"], others.Order());
    }

    [Fact]
    public void No_code_of_the_product_kills_its_own_process()
    {
        string[] means = ["FAULT_POINT", "GetCurrentProcess", "FailFast", "DiagnosticListener.AllListeners"];
        var found =
            from file in Directory.GetFiles(Directory.GetParent(Core())!.FullName, "*.cs", SearchOption.AllDirectories)
            let text = File.ReadAllText(file)
            from word in means
            where text.Contains(word, StringComparison.Ordinal)
            select $"{Path.GetFileName(file)}: {word}";
        Assert.Empty(found);
    }

    [Fact]
    public void One_class_writes_the_rows_of_runs() =>
        Assert.Equal(["RunTransitions.Recording.cs", "RunTransitions.StartSlots.cs", "RunTransitions.cs"], FilesWith(RunWritePattern()));

    [Fact]
    public void One_class_reads_the_rows_of_runs()
    {
        string[] others =
        [
            // A statement on items that has a condition on their run, and the view for applications.
            "ClaimStatements.cs", "ResolvedTable.Conditions.cs", "CorpusDdl.cs",
            // Statements that write what they read.
            "RunTransitions.Recording.cs", "RunTransitions.StartSlots.cs", "RunTransitions.cs",
        ];
        Assert.Equal(["RunQueries.History.cs", "RunQueries.cs"], FilesWith(RunReadPattern()).Except(others));
    }

    private static IEnumerable<string?> FilesWith(Regex pattern) =>
        Directory.GetFiles(Directory.GetParent(Core())!.FullName, "*.cs", SearchOption.AllDirectories)
            .Where(file => pattern.IsMatch(File.ReadAllText(file))).Select(Path.GetFileName).Order(StringComparer.Ordinal);

    private static string Core([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "src", "EmbeddingFunctions.Core"));

    [GeneratedRegex("CreateCommand|NpgsqlCommand|NpgsqlBatch")]
    private static partial Regex CommandPattern();

    [GeneratedRegex(@"(INSERT\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE|MERGE\s+INTO)\s+(ONLY\s+)?embedding\.jobs\b", RegexOptions.IgnoreCase)]
    private static partial Regex RunWritePattern();

    [GeneratedRegex(@"\b(FROM|JOIN|USING)\s+embedding\.jobs\b", RegexOptions.IgnoreCase)]
    private static partial Regex RunReadPattern();

    [GeneratedRegex(@"using EmbeddingFunctions\.([A-Za-z]+)")]
    private static partial Regex UsePattern();
}
