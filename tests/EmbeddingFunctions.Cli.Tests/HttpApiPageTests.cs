using System.Net;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using EmbeddingFunctions.AspNetCore;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>The curl lines of docs/http-api.md, sent to a server in their order as curl sends them, and docs/openapi.json.</summary>
public sealed partial class HttpApiPageTests : ProgramTest
{
    private const string DefaultAddress = "http://127.0.0.1:7071";

    [Fact]
    public async Task Every_curl_line_of_the_page_works()
    {
        await Workspace.Items(await Workspace.Repository(), 20);
        await AsIfServed();
        await using var server = await Server.Start(Program);
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Add("x-functions-key", await File.ReadAllTextAsync(server.KeyFile!));
        var (run, lines) = ("", CurlPattern().Matches(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "http-api.md"))));
        Assert.Equal(26, lines.Count);
        foreach (Match line in lines)
        {
            var method = line.Groups["method"].Success ? line.Groups["method"].Value : "GET";
            using var request = new HttpRequestMessage(
                new HttpMethod(method), line.Groups["url"].Value.Replace("$HOST", server.Address).Replace("$RUN", run));
            if (line.Groups["data"].Success)
            {
                // What curl -d says its data is.
                request.Content = new StringContent(
                    line.Groups["data"].Value, new MediaTypeHeaderValue("application/x-www-form-urlencoded"));
            }

            using var response = await http.SendAsync(request);
            // The last run may have ended before it is to be cancelled, and no switch is under way: these are answers too.
            Assert.True(
                response.IsSuccessStatusCode || ((int)response.StatusCode == 409 && MayConflict(line.Value)),
                $"{line.Value}\n{await response.Content.ReadAsStringAsync()}");
            Assert.Equal("", await ApiDescription.Problem(method, request.RequestUri!.AbsolutePath, response));
            run = response.Headers.Location?.ToString().Split('/')[^1] ?? run;
        }
    }

    [Fact]
    public void Every_route_is_described() => Assert.Equal(
        new[]
        {
            Routes.Compute, Routes.Runs, Routes.Run, Routes.RunHistory, Routes.Predict, Routes.CancelRun, Routes.Status, Routes.Cost,
            Routes.Trends, Routes.Failures, Routes.FailedItems, Routes.RetryFailures, Routes.IgnoreFailures,
            Routes.Declarations, Routes.Audit, Routes.Pause, Routes.Resume, Routes.Switch, Routes.SwitchStep, Routes.Search,
            Routes.Similar, Routes.Embed, Routes.Corpora, Routes.Overview, Routes.Events, Routes.Health,
        }.Select(route => $"/{Routes.Host}/{route}").Order(),
        ApiDescription.Paths.Order());

    [Fact]
    public async Task The_page_s_document_is_the_one_that_a_server_makes_of_its_routes()
    {
        await using var server = await Server.Start(Program);
        var (approved, received) = (Document("openapi.json"), Document("openapi.received.json"));
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri("/openapi/v1.json", UriKind.Relative));
        using var response = await server.Send(request);
        using var http = new HttpClient();
        using var refused = await http.GetAsync(new Uri($"{server.Address}/openapi/v1.json"));

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.Unauthorized), (response.StatusCode, refused.StatusCode));
        var text = (await response.Content.ReadAsStringAsync()).Replace(server.Address, DefaultAddress, StringComparison.Ordinal) + "\n";
        if (File.ReadAllText(approved) == text)
        {
            File.Delete(received);
            return;
        }

        File.WriteAllText(received, text);
        Assert.Fail($"The routes are described otherwise than by the page. Compare the two, and accept it with: mv {received} {approved}");
    }

    private static string Document(string name) => Path.Combine(Repository.Root, "docs", name);

    private static bool MayConflict(string line) =>
        line.EndsWith("/cancel", StringComparison.Ordinal) || line.EndsWith("/flip", StringComparison.Ordinal);

    [
        GeneratedRegex(
            """^curl --fail-with-body (?:-H "\$KEY" )?(?:-X (?<method>[A-Z]+) )?"?(?<url>\$HOST[^\s"]+)"?(?: -d '(?<data>[^']*)')?""",
            RegexOptions.Multiline)]
    private static partial Regex CurlPattern();
}
