using System.Net;
using System.Runtime.Versioning;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>Who is let in by <c>embeddings serve</c>, and where it listens.</summary>
public sealed class ServeDoorTests : ProgramTest
{
    private const string Key = "canary-0123456789abcdef";

    [Fact]
    public async Task Other_machines_are_let_in_with_a_key_only()
    {
        var refused = (await Program.Run("serve", "--urls", "http://0.0.0.0:0")).Exits(2)
            .Says("EMBEDDINGS_API_KEY is not set, and http://0.0.0.0:0 lets other machines in");
        Assert.DoesNotContain("Listening", refused.Error, StringComparison.Ordinal);

        Program.Set("EMBEDDINGS_API_KEY", Key);
        await using var server = await Server.Start(Program);

        Assert.Equal(HttpStatusCode.Unauthorized, await Status(server, "status"));
        Assert.Equal(HttpStatusCode.Unauthorized, await Status(server, "status", ("x-functions-key", Key + "x")));
        Assert.Equal(HttpStatusCode.Unauthorized, await Status(server, "status", ("x-functions-key", "")));
        Assert.Equal(HttpStatusCode.OK, await Status(server, "status", ("x-functions-key", Key)));
        Assert.Equal(HttpStatusCode.OK, await Status(server, "health"));
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task A_server_without_a_key_makes_one_that_the_commands_of_its_user_read_and_no_other_user()
    {
        await using var server = await Server.Start(Program);
        using var stranger = new HttpClient { BaseAddress = new Uri(server.Address) };

        Assert.Equal(
            HttpStatusCode.Unauthorized, (await stranger.GetAsync(new Uri("/api/embeddings/status", UriKind.Relative))).StatusCode);
        Assert.Equal(HttpStatusCode.OK, await Status(server, "status"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(server.KeyFile!));
        Assert.Equal(
            UnixFileMode.None,
            File.GetUnixFileMode(Path.GetDirectoryName(server.KeyFile)!) & (
                UnixFileMode.OtherRead | UnixFileMode.OtherExecute | UnixFileMode.OtherWrite));
        (await Program.Run("trigger", "workspace", "--url", server.Address)).Exits(0);
        File.SetUnixFileMode(server.KeyFile!, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherWrite);
        (await Program.Run("trigger", "workspace", "--url", server.Address)).Exits(1).Says("wants another key");

        server.Process.Signal(Running.SigTerm);
        var ended = (await server.Process.Ended()).Exits(0);
        Assert.False(File.Exists(server.KeyFile));
        Assert.DoesNotMatch("[0-9a-f]{64}", ended.Out + ended.Error);
    }

    [Fact]
    public async Task Many_questions_about_health_cost_the_database_no_more_than_one()
    {
        await using var server = await Server.Start(Program);
        using var stranger = new HttpClient { BaseAddress = new Uri(server.Address) };
        var before = await Transactions();

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 300).Select(_ => stranger.GetAsync(new Uri("/api/embeddings/health", UriKind.Relative))));

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
        Assert.InRange(
            await Database.Ask<long>(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'embeddings'"),
            0, 12);
        Assert.InRange(await Transactions() - before, 0, 200);
    }

    [Theory]
    [InlineData("DROP TRIGGER zzz_embedding_note_edit_issues ON issues")]
    [InlineData(
        "DO $$ BEGIN EXECUTE (SELECT 'DROP INDEX ' || indexname FROM pg_indexes WHERE tablename = 'issues' AND indexname LIKE '%pending%' "
            + "LIMIT 1); END $$")]
    public async Task M16_health_is_503_when_what_was_made_is_not_there_any_more(string damage)
    {
        await using var server = await Server.Start(Program);
        Assert.Equal(HttpStatusCode.OK, await Status(server, "health"));

        await Database.Execute(damage);

        await Waiting.Until(async () => await Status(server, "health") == HttpStatusCode.ServiceUnavailable);
        (await Program.Run("migrate", "workspace")).Exits(0);
        await Waiting.Until(async () => await Status(server, "health") == HttpStatusCode.OK);
    }

    private Task<long> Transactions() =>
        Database.Ask<long>("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()");

    [Fact]
    public async Task Without_a_key_no_web_page_and_no_proxy_is_let_in()
    {
        await using var server = await Server.Start(Program, "--no-key");

        Assert.Equal(HttpStatusCode.OK, await Status(server, "status"));
        Assert.Equal(HttpStatusCode.Forbidden, await Status(server, "status", ("Origin", "https://elsewhere.example")));
        Assert.Equal(HttpStatusCode.Forbidden, await Status(server, "status", ("Sec-Fetch-Site", "cross-site")));
        Assert.Equal(HttpStatusCode.Forbidden, await Status(server, "status", ("X-Forwarded-For", "192.0.2.7")));
        // A name that was made to point at this machine.
        Assert.Equal(HttpStatusCode.Forbidden, await Status(server, "status", ("Host", "elsewhere.example")));
    }

    [Theory]
    [InlineData("GET", "/api/embeddings/compute", 405)]
    [InlineData("DELETE", "/api/embeddings/runs", 405)]
    [InlineData("GET", "/api/embeddings/nothing", 404)]
    [InlineData("GET", "/", 404)]
    public async Task What_is_not_there_is_reported_as_problem_details_too(string method, string path, int status)
    {
        await using var server = await Server.Start(Program);
        using var response = await server.Send(new HttpRequestMessage(new HttpMethod(method), path));

        Assert.Equal((status, "application/problem+json"), ((int)response.StatusCode, response.Content.Headers.ContentType?.MediaType));
    }

    [Fact]
    public async Task A_key_is_never_shown()
    {
        Program.Set("EMBEDDINGS_API_KEY", Key);
        await using var server = await Server.Start(Program);
        await Status(server, "status", ("x-functions-key", Key));
        server.Process.Signal(Running.SigTerm);
        var ended = (await server.Process.Ended()).Exits(0);

        Assert.DoesNotContain("0123456789", ended.Out + ended.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("EMBEDDINGS_API_KEY", "short", "EMBEDDINGS_API_KEY is shorter than 16 characters")]
    [InlineData("EMBEDDINGS_SCHEDULE", "every day", "EMBEDDINGS_SCHEDULE is 'every day'; it takes an NCrontab expression")]
    [InlineData("EMBEDDINGS_SCHEDULE", "0 0 0 31 2 *", "EMBEDDINGS_SCHEDULE is '0 0 0 31 2 *'; it takes an NCrontab expression")]
    public async Task A_setting_that_cannot_be_used_is_reported(string name, string value, string message) =>
        (await Program.Set(name, value).Run("serve")).Exits(2).Says(message);

    [Fact]
    public async Task An_address_in_use_is_reported_with_what_to_do()
    {
        await using var server = await Server.Start(Program);

        (await Program.Run("serve", "--urls", server.Address)).Exits(2).Says($"Cannot listen on {server.Address}:").Says("--urls");
    }

    private static async Task<HttpStatusCode> Status(Server server, string route, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/embeddings/{route}");
        foreach (var (name, value) in headers)
        {
            request.Headers.Add(name, value);
        }

        using var response = await server.Send(request);
        return response.StatusCode;
    }
}
