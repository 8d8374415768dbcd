using System.Diagnostics;
using System.Reflection;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>The real <c>embeddings</c> program, run with settings of its own and none of this process's.</summary>
internal sealed class Program
{
    public static readonly string FullPath = typeof(Program).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(data => data.Key == "Program").Value!;

    private static readonly string[] _settings = [
        "FAULT_POINT", "DATABASE_URL", "REDIS_URL", "OPENAI_", "AZURE_", "EMBEDDING_", "EMBEDDINGS_", "CORPORA_FILE"];

    private static readonly string[] _choices = ["EMBEDDING_PROVIDER", "OPENAI_BASE_URL", "OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"];

    private readonly Dictionary<string, string> _environment = [];
    private readonly string? _folder;

    /// <summary>In a folder of the test's, without any setting but the lexical provider, until the test chooses another.</summary>
    public Program(string folder) => _folder = folder;

    /// <summary>On a test's database, with the fake as provider and limits that are never reached.</summary>
    public Program(TestDatabase database, FakeOpenAi fake)
    {
        Set("DATABASE_URL", database.ConnectionString);
        Set("OPENAI_BASE_URL", fake.BaseUrl);
        Set("OPENAI_API_KEY", fake.ApiKey);
        Set("EMBEDDING_REQUESTS_PER_MINUTE", "10000000");
        Set("EMBEDDING_TOKENS_PER_MINUTE", "2000000000");
        Set("EMBEDDING_CONCURRENCY", "4");
    }

    public Program Set(IReadOnlyDictionary<string, string> settings)
    {
        foreach (var (name, value) in settings)
        {
            Set(name, value);
        }

        return this;
    }

    /// <summary>Whether it is run with this setting.</summary>
    public bool Has(string name) => _environment.ContainsKey(name);

    public Program Set(string name, string value)
    {
        _environment[name] = value;
        return this;
    }

    /// <summary>What another program must set to start it as here; null: it must not be set.</summary>
    public Dictionary<string, string?> Environment()
    {
        var start = new ProcessStartInfo();
        var before = start.Environment.Keys.ToList();
        Prepare(start);
        return before.Except(start.Environment.Keys).ToDictionary(name => name, _ => (string?)null)
            .Concat(start.Environment.Where(pair => _environment.ContainsKey(pair.Key) || pair.Key == "EMBEDDING_PROVIDER"))
            .ToDictionary(pair => pair.Key, pair => pair.Value);
    }

    /// <summary>Runs it to its end, which must come within two minutes.</summary>
    public async Task<Result> Run(params string[] arguments)
    {
        await using var running = Start(arguments);
        return await running.Ended();
    }

    // A job in a shell's background ignores Ctrl-C, and so would all that it starts: the tests may be such a job, the program is not.
    public Running Start(params string[] arguments) => OperatingSystem.IsLinux()
        ? StartOther("env", ["--default-signal=INT", FullPath, .. arguments])
        : StartOther(FullPath, arguments);

    /// <summary>Starts the program inside another, as <c>script</c> or a shell; <c>{program}</c> in its arguments is its path.</summary>
    public Running StartOther(string host, params string[] arguments)
    {
        var start = new ProcessStartInfo(
            host, arguments.Select(argument => argument.Replace("{program}", FullPath, StringComparison.Ordinal)))
        {
            WorkingDirectory = _folder ?? Path.GetTempPath(),
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Prepare(start);
        return new Running(Process.Start(start)!, string.Join(' ', arguments));
    }

    private void Prepare(ProcessStartInfo start)
    {
        Clean(start);
        // Without a key a person gets the local model, whose loading each test would wait for.
        if (!_choices.Any(_environment.ContainsKey))
        {
            start.Environment["EMBEDDING_PROVIDER"] = "lexical";
        }

        foreach (var (name, value) in _environment)
        {
            start.Environment[name] = value;
        }
    }

    /// <summary>Takes this process's own settings from a process that is to be started.</summary>
    public static void Clean(ProcessStartInfo start)
    {
        foreach (
            var name in start.Environment.Keys.Where(name => _settings.Any(setting => name.StartsWith(setting, StringComparison.Ordinal)))
                .ToList())
        {
            start.Environment.Remove(name);
        }
    }
}
