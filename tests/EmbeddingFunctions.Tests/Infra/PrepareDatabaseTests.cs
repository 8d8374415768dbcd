using System.Diagnostics;
using System.Runtime.Versioning;

namespace EmbeddingFunctions.Tests.Infra;

/// <summary>The script that readies the deployed database, with the tools that it calls in place of Azure's own.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class PrepareDatabaseTests : IDisposable
{
    private const string Token = "eyJ0eXAi-canary-of-a-token";

    private readonly string _folder = Directory.CreateTempSubdirectory("prepare-database-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task The_administrators_token_stands_on_no_command_line()
    {
        var (infra, tools, log) = (Path.Combine(_folder, "infra"), Path.Combine(_folder, "tools"), Path.Combine(_folder, "log"));
        Directory.CreateDirectory(infra);
        Directory.CreateDirectory(tools);
        foreach (var file in new[] { "prepare-database.sh", "grants.sql" })
        {
            File.Copy(Path.Combine(Deployment.Root(), "infra", file), Path.Combine(infra, file));
        }

        // Each notes how it was called, as a list of processes shows it.
        Tool(Path.Combine(tools, "az"), $"""case "$*" in *get-access-token*) echo {Token} ;; esac""");
        Tool(Path.Combine(tools, "psql"), "echo 'psql (PostgreSQL) 17.0'");
        Tool(Path.Combine(tools, "env"), """exec /usr/bin/env "$@" """);
        Tool(
            Path.Combine(_folder, "run"),
            """printf '%s' "$DATABASE_URL" >"$LOG.url"; printf '%s' "${PGPASSWORD-none}${OPENAI_API_KEY-none}" >"$LOG.rest" """);
        var start = new ProcessStartInfo("bash", [Path.Combine(infra, "prepare-database.sh")]) { RedirectStandardError = true };
        foreach (var (name, value) in new Dictionary<string, string>
        {
            ["PATH"] = $"{tools}:{Environment.GetEnvironmentVariable("PATH")}",
            ["LOG"] = log,
            ["DEPLOYER_IP"] = "192.0.2.7",
            ["OPENAI_API_KEY"] = "mine",
            ["FUNCTION_APP_IDENTITY"] = "app",
            ["POSTGRES_SERVER_ID"] = "/server",
            ["POSTGRES_HOST"] = "db.example",
            ["POSTGRES_DATABASE"] = "embeddings",
            ["POSTGRES_ADMINISTRATOR"] = "ann@example.com",
            ["AZURE_OPENAI_ENDPOINT"] = "https://ai.example",
            ["EMBEDDING_MODEL"] = "small",
        })
        {
            start.Environment[name] = value;
        }

        using var script = Process.Start(start)!;
        var said = await script.StandardError.ReadToEndAsync();
        await script.WaitForExitAsync();

        Assert.True(script.ExitCode == 0, said);
        Assert.DoesNotContain(Token, await File.ReadAllTextAsync(log), StringComparison.Ordinal);
        Assert.Contains($"Password=\"{Token}\"", await File.ReadAllTextAsync($"{log}.url"), StringComparison.Ordinal);
        Assert.Equal("nonenone", await File.ReadAllTextAsync($"{log}.rest"));
    }

    private static void Tool(string path, string body)
    {
        File.WriteAllText(path, $"#!/bin/bash\nprintf '%s\\n' \"$0 $*\" >>\"$LOG\"\n{body}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
