using System.Runtime.Versioning;
using System.Text.Json;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>The program without a DATABASE_URL: it brings its own Postgres.</summary>
[Collection(EmbeddedFolder.Collection)]
public sealed class EmbeddedPostgresTests : IAsyncLifetime
{
    private const int Items = 30;

    private EmbeddedFolder _folder = null!;
    private Program _program = null!;

    public async Task InitializeAsync()
    {
        _folder = await EmbeddedFolder.Create();
        _program = new Program(_folder.Path);
    }

    public Task DisposeAsync()
    {
        _folder.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task What_one_command_stores_the_next_one_finds()
    {
        await _folder.Fill(_program, Items);
        var backfill = (await _program.Run("backfill", "workspace", "--json")).Exits(0);
        Assert.Equal((Items, Items), (backfill.Number("total"), backfill.Number("embedded")));
        var status = (await _program.Run("status")).Exits(0);
        Assert.Matches($@"issues +{Items} +{Items} +100\.00% +0 ", status.Out);
        (await _program.Run("doctor")).Exits(0);
        await _folder.WaitForServer(runs: false);
    }

    [Fact]
    public async Task A_server_embeds_what_was_imported_by_the_timer_and_by_an_event()
    {
        await _folder.Fill(_program, Items);
        await using var server = await Server.Start(_program);
        JsonElement due;
        do
        {
            due = (await server.Get("/api/embeddings/runs")).GetProperty("runs");
        }
        while (due.GetArrayLength() == 0);
        var byTimer = await server.Ended(due[0].GetProperty("id").GetGuid());
        var byEvent = await server.Ended(await server.Ask(new { forceRegenerate = true }));
        server.Process.Signal(Running.SigTerm);
        (await server.Process.Ended()).Exits(0);

        Assert.All(new[] { byTimer, byEvent }, run => Assert.Equal(("completed", Items),
            (run.GetProperty("run").GetProperty("status").GetString(), run.GetProperty("counts").GetProperty("embedded").GetInt32())));
        Assert.Matches($@"issues +{Items} +{Items} +100\.00% +0 ", (await _program.Run("status")).Exits(0).Out);
    }

    [Fact]
    public async Task A_second_process_at_the_same_time_says_what_to_do()
    {
        await _folder.Fill(_program, Items);
        await using var first = _program.Start("backfill", "workspace", "--iterations", "2", "--limit", "1", "--delay", "60s");
        await _folder.WaitForServer(runs: true);
        (await _program.Run("status")).Exits(2).Says("Another embeddings process uses the database").Says("set DATABASE_URL");
        first.Signal(Running.SigTerm);
        (await first.Ended()).Exits(130);
        (await _program.Run("status")).Exits(0);
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task No_other_user_reaches_the_database_or_its_files()
    {
        const UnixFileMode Mine = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        const UnixFileMode Others = UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
        await _folder.Fill(_program, Items);
        await using var server = await Server.Start(_program);

        var socket = _folder.ServerArguments()[^1];
        Assert.EndsWith("/.s.PGSQL.5432", socket, StringComparison.Ordinal);
        Assert.Equal(Mine, File.GetUnixFileMode(Path.GetDirectoryName(socket)!));
        Assert.Equal(Mine, File.GetUnixFileMode(Path.Combine(_folder.Path, ".embeddings")));
        Assert.Contains(
            "embeddings-", Directory.EnumerateFileSystemEntries(Path.GetDirectoryName(socket)!).Single(), StringComparison.Ordinal);
        // Only its owner may enter the folder and read new files.
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(Path.Combine(_folder.Path, ".embeddings", "data.lock")) & Others);

        server.Process.Signal(Running.SigTerm);
        (await server.Process.Ended()).Exits(0);
        Assert.False(Directory.Exists(Path.GetDirectoryName(socket)));
    }

    [Fact]
    public async Task Without_node_it_says_what_to_install()
    {
        using var empty = new TestFolder();
        (await new Program(empty.Path).Set("PATH", empty.Path).Run("status")).Exits(2)
            .Says("install Node.js 20 or later, or set DATABASE_URL");
    }

    [Fact]
    public async Task Where_nothing_can_be_written_it_says_so()
    {
        using var folder = new TestFolder();
        await File.WriteAllTextAsync(Path.Combine(folder.Path, ".embeddings"), "in the way");
        (await new Program(folder.Path).Run("status")).Exits(2).Says("no place for its data").Says("set DATABASE_URL");
    }
}
