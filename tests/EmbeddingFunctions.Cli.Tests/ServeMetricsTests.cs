using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>The figures that <c>embeddings serve</c> has for Prometheus, and the dashboard of them for Grafana.</summary>
public sealed partial class ServeMetricsTests() : SampleProgramTest("clips")
{
    private const string Key = "canary-0123456789abcdef";

    [Fact]
    public async Task A_scrape_with_the_key_has_every_figure_of_the_Grafana_dashboard()
    {
        Program.Set("EMBEDDINGS_API_KEY", Key);
        await using var server = await Server.Start(Program);
        using var prometheus = new HttpClient { BaseAddress = new Uri(server.Address) };
        var page = new Uri("/metrics", UriKind.Relative);
        Assert.Equal(HttpStatusCode.Unauthorized, (await prometheus.GetAsync(page)).StatusCode);
        prometheus.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key);
        using (var request = new HttpRequestMessage(HttpMethod.Post, "/api/embeddings/compute"))
        {
            (request.Headers.Authorization, request.Content) = (new("Bearer", Key), new StringContent("""{"corpus":"clips"}"""));
            Assert.Equal(HttpStatusCode.Accepted, (await prometheus.SendAsync(request)).StatusCode);
        }

        // What the database holds is read in the background, and shown by the next scrape.
        var (scraped, wanted) = ("", Queried());
        await Waiting.Until(async () => (scraped = await prometheus.GetStringAsync(page))
            .Contains("""kind="clip",state="embedded"} 20""", StringComparison.Ordinal)
            && wanted.IsSubsetOf(MetricPattern().Matches(scraped).Select(match => match.Value)));

        Assert.NotEmpty(wanted);
        Assert.DoesNotContain(Fake.ApiKey, scraped, StringComparison.Ordinal);
    }

    private protected override Task Prepare() => Clips(20);

    private static HashSet<string> Queried()
    {
        using var dashboard = JsonDocument.Parse(File.ReadAllText(Path.Combine(Repository.Root, "infra", "grafana.json")));
        return dashboard.RootElement.GetProperty("panels").EnumerateArray()
            .SelectMany(panel => panel.GetProperty("targets").EnumerateArray())
            .SelectMany(target => NamePattern().Matches(target.GetProperty("expr").GetString()!))
            .Select(match => match.Value).Where(name => name != "gen_ai_request_model").ToHashSet();
    }

    // A name of a metric begins its line.
    [GeneratedRegex("^(embedding|gen_ai)_[a-z_]+", RegexOptions.Multiline)]
    private static partial Regex MetricPattern();

    [GeneratedRegex(@"\b(embedding|gen_ai)_[a-z_]+")]
    private static partial Regex NamePattern();
}
