using System.Diagnostics;
using System.Runtime.Versioning;
using System.Text.Json.Nodes;
using EmbeddingFunctions.Cli.Tests;
using EmbeddingFunctions.Tests.Infra;

namespace EmbeddingFunctions.Tests.Local;

/// <summary><c>./run functions</c> with programs in place of the tools: infra/local/functions.sh in a folder of its own.</summary>
public sealed class FunctionsScriptTests : IDisposable
{
    private static readonly string _repository = Deployment.Root();

    private readonly string _root = Directory.CreateTempSubdirectory("functions").FullName;

    public FunctionsScriptTests()
    {
        Write("infra/local/functions.sh", File.ReadAllText(Path.Combine(_repository, "infra/local/functions.sh")));
        Write("infra/local/functions-tools/package.json", "{}");
        Write("local.settings.json", """{ "Values": { "DATABASE_URL": "postgres://a:b@127.0.0.1/c" } }""");
        Directory.CreateDirectory(Path.Combine(_root, "artifacts/bin/EmbeddingFunctions/release"));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData("-INT", "-")]
    [InlineData("-TERM", "")]
    public async Task A4_The_host_ends_before_the_storage_that_it_writes_its_end_to(string signal, string groupOf)
    {
        // Both as the real ones: each ends by itself when the terminal's Ctrl-C reaches it, the host after a while.
        Tool("azurite", $$"""
            #!/usr/bin/env node
            const fs = require('fs');
            const end = () => { fs.appendFileSync('{{Log}}', 'storage\n'); process.exit(0); };
            process.on('SIGINT', end); process.on('SIGTERM', end);
            setTimeout(() => process.exit(1), 60000);
            // A port in use answers as well.
            require('net').createServer().on('error', () => { }).listen(10000, '127.0.0.1');
            """);
        Tool("func", $$"""
            #!/usr/bin/env node
            const fs = require('fs');
            const end = () => setTimeout(() => { fs.appendFileSync('{{Log}}', 'host\n'); process.exit(0); }, 1000);
            process.on('SIGINT', end); process.on('SIGTERM', end);
            fs.writeFileSync('{{Log}}', '');
            setTimeout(() => process.exit(1), 60000);
            """);
        await using var script = Start("start");
        await Until(() => File.Exists(Log), script);

        using var kill = Process.Start("bash", ["-c", $"kill {signal} -- {groupOf}{script.Id}"]);
        await script.Ended(TimeSpan.FromSeconds(30));

        await Until(() => File.ReadAllLines(Log).Length == 2);
        Assert.Equal(["host", "storage"], File.ReadAllLines(Log));
    }

    [Theory]
    [InlineData("v20.20.2")]
    [InlineData("")]
    public async Task A8_Without_the_Node_that_the_tools_ask_for_it_says_so_in_one_line(string version)
    {
        var folder = Path.Combine(_root, "bin");
        Write("bin/node", $"#!/bin/sh\necho {version}");
        Write("bin/npm", "#!/bin/sh\nexit 1");
        await using var script = Start("prepare", path: $"{folder}:{Environment.GetEnvironmentVariable("PATH")}");
        var result = await script.Ended();

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("need Node.js 22 or later", Assert.Single(result.Error.TrimEnd().Split('\n')), StringComparison.Ordinal);
        var pins = JsonNode.Parse(File.ReadAllText(Path.Combine(_repository, "infra/local/functions-tools/package.json")))!;
        Assert.Equal(">=22", (string)pins["engines"]!["node"]!);
        Assert.Contains(
            "both need Node.js 22", File.ReadAllText(Path.Combine(_repository, "docs", "azure-functions.md")), StringComparison.Ordinal);
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task L7_The_settings_that_it_writes_are_for_their_owner_alone()
    {
        var file = Path.Combine(_root, "local.settings.json");
        File.Delete(file);
        Write("local.settings.sample.json", """{ "Values": { "DATABASE_URL": "" } }""");
        File.SetUnixFileMode(Path.Combine(_root, "local.settings.sample.json"), (UnixFileMode)0b110_100_100);
        await using var script = Start("prepare");
        var result = await script.Ended();

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("put it into local.settings.json", result.Error, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
    }

    private string Log => Path.Combine(_root, "log");

    private void Tool(string name, string script) => Write($"artifacts/functions-tools/node_modules/.bin/{name}", script);

    private void Write(string file, string text)
    {
        var path = Path.Combine(_root, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    // In a process group of its own, as a terminal starts it.
    private Running Start(string argument, string? path = null)
    {
        // A job in a shell's background ignores Ctrl-C, and a script cannot undo that: the tests may be such a job.
        var start = new ProcessStartInfo(
            "setsid", ["/usr/bin/env", "--default-signal=INT", "bash", Path.Combine(_root, "infra/local/functions.sh"), argument])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = path ?? start.Environment["PATH"];
        start.Environment.Remove("DATABASE_URL");
        return new Running(Process.Start(start)!, "functions.sh");
    }

    private static async Task Until(Func<bool> holds, Running? alive = null)
    {
        for (var i = 0; i < 600 && !holds() && alive?.HasEnded != true; i++)
        {
            await Task.Delay(50);
        }

        Assert.True(holds());
    }
}
