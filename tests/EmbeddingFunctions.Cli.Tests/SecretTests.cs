using System.Text;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

public sealed class SecretTests : ProgramTest
{
    private protected override FakeOpenAiOptions Options => new() { EchoWholeKey = true };

    [Theory]
    [InlineData("sk-proj-canary7f3a9c51e0b84d26")]
    [InlineData("canary+Key/7f3a9c51e0b84d26=")]
    public async Task F7_F58_A_wrong_key_costs_one_request_stops_with_what_to_do_and_is_shown_nowhere(string key)
    {
        await Workspace.Items(await Workspace.Repository("acme/one"), 100);
        await Workspace.Items(await Workspace.Repository("acme/two"), 100, words: "other");
        Program.Set("OPENAI_API_KEY", key);
        var result = (await Program.Run("backfill", "workspace")).Exits(1).Says("401").Says("'embeddings doctor'");
        Assert.Equal(1, Fake.RequestCount);

        var doctor = (await Program.Run("doctor")).Exits(1);
        var status = await Program.Run("status");
        foreach (var form in Forms(key))
        {
            Assert.DoesNotContain(
                form, result.Out + result.Error + doctor.Out + doctor.Error + status.Out + status.Error,
                StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(form, await Everything(), StringComparison.OrdinalIgnoreCase);
        }

        Assert.Equal((0, 0), (await Claims(), await Database.Ask<long>("SELECT COALESCE(max(attempts), 0)::bigint FROM embedding.claims")));
    }

    [Fact]
    public async Task After_a_wrong_key_the_right_one_goes_on_with_nothing_charged()
    {
        await Workspace.Items(await Workspace.Repository(), 100);
        Program.Set("OPENAI_API_KEY", "sk-wrong-0123456789abcdef");
        (await Backfill()).Exits(1);
        Program.Set("OPENAI_API_KEY", Fake.ApiKey);
        Assert.Equal(100, (await Backfill()).Exits(0).Number("embedded"));
        await AssertWhole();
    }

    [Fact]
    public async Task A_key_in_an_items_failure_is_taken_out_before_it_is_stored()
    {
        var repository = await Workspace.Repository();
        await Workspace.Items(repository, 5);
        await Workspace.Item(repository, "poison");
        Fake.Script(
            Requests.WithInput(text => text.Contains("poison", StringComparison.Ordinal)),
            Fault.Status(
                400, $$$"""{"error":{"message":"no good, {{{Fake.ApiKey}}}","type":"invalid_request_error","param":null,"code":null}}"""));
        var result = (await Program.Run("backfill", "workspace")).Exits(3);
        var status = (await Program.Run("status")).Exits(0);
        Assert.Contains("[redacted]", status.Out, StringComparison.Ordinal);
        Assert.DoesNotContain(Fake.ApiKey, result.Out + result.Error + status.Out + await Everything(), StringComparison.Ordinal);
    }

    private static string[] Forms(string key) =>
        [key, Uri.EscapeDataString(key), Convert.ToBase64String(Encoding.UTF8.GetBytes(key)).TrimEnd('='), key[..8]];

    private async Task<string> Everything()
    {
        var tables = await Database.Rows(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_schema IN ('public', 'embedding')");
        var all = new StringBuilder();
        foreach (var table in tables)
        {
            foreach (var row in await Database.Rows($"SELECT to_jsonb(t)::text FROM {table[0]} t"))
            {
                all.AppendLine((string)row[0]!);
            }
        }

        return all.ToString();
    }
}
