using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>Faults that only a person can mend: one request, a clear end, no attempt charged, no key anywhere.</summary>
public sealed class ConfigurationFaultTests(BatchDatabase shared) : BatchTest(shared)
{
    private protected override FakeOpenAiOptions Options => new() { EchoWholeKey = true };

    public static TheoryData<Fault, string> Faults => new()
    {
        { Fault.BadKey(), "401 (invalid_api_key): Incorrect API key provided: [redacted]" },
        { Fault.Status(401, "gateway"), "401: no reason given" },
        {
            Fault.Status(403, """{"error":{"message":"not in your country","code":"unsupported_country"}}"""),
            "403 (unsupported_country): not in your country"
        },
        { Fault.ModelGone(), "404 (model_not_found): The model `text-embedding-3-small` does not exist" },
        { Fault.Status(422, """{"error":{"message":"unprocessable"}}"""), "422: unprocessable" },
        { Fault.InsufficientQuota(), "429 (insufficient_quota): You exceeded your current quota" },
        { Fault.InsufficientQuota("credit_balance_exhausted"), "429 (credit_balance_exhausted)" },
        { Fault.InsufficientQuota("project_spend_limit_exceeded"), "429 (project_spend_limit_exceeded)" },
        { Fault.InsufficientQuota("organization_usage_limit_exceeded"), "429 (organization_usage_limit_exceeded)" },
        { Fault.WrongDimensions(100), "vectors have 100 dimensions, the corpus says 384" },
        {
            Fault.Status(400, """{"error":{"message":"This model does not support specifying dimensions."}}"""),
            "does not support specifying dimensions"
        },
        { Fault.Redirect("http://127.0.0.1:9/v1/embeddings"), "307" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task One_request_is_sent_the_run_fails_with_the_reason_and_no_item_is_charged(Fault fault, string reason)
    {
        await Workspace.Items(Repository, 100);
        await Workspace.Items(await Workspace.Repository("acme/two"), 100);
        Fake.Script(Requests.All, fault);

        var outcome = await Worker.Run();

        Assert.Equal((RunStatus.Failed, 1, 1), (outcome.Status, Fake.RequestCount, outcome.Counts.Requests));
        Assert.Contains(reason, outcome.Error, StringComparison.Ordinal);
        Assert.Equal((0, 0, 200), (outcome.Counts.Embedded, outcome.Counts.Failed, await Workspace.Pending()));
        await AssertNoneCharged();
        await AssertNoKey();
    }

    [Fact]
    public async Task A_second_run_calls_no_provider_while_the_fault_is_fresh()
    {
        await Workspace.Items(Repository, 20);
        Fake.Script(Requests.All, Fault.InsufficientQuota());
        await Worker.Run();

        var outcome = await Worker.Run();

        Assert.Equal((RunStatus.Failed, 1), (outcome.Status, Fake.RequestCount));
        Assert.Contains("insufficient_quota", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_new_key_is_tried_by_the_next_process()
    {
        await Workspace.Items(Repository, 20);
        Fake.ApiKey = "sk-another-key-altogether";
        Assert.Equal(RunStatus.Failed, (await Worker.Run()).Status);

        await using var next = new Worker(Database.Source, Fake);
        var outcome = await next.Run();

        Assert.Equal((RunStatus.Completed, 20), (outcome.Status, outcome.Counts.Embedded));
    }

    [Fact]
    public async Task A_key_that_stops_working_in_the_middle_costs_no_more_than_what_was_in_flight()
    {
        await Workspace.Items(Repository, 200);
        await Workspace.Items(await Workspace.Repository("acme/two"), 200, words: "two");
        Fake.Script(Requests.Where(request => request.Number > 5), Fault.BadKey());

        var outcome = await Worker.Run(concurrency: 4);

        Assert.Equal((RunStatus.Failed, Fake.PaidInputCount), (outcome.Status, outcome.Counts.Embedded));
        Assert.InRange(Fake.RequestCount, 6, 9);
        Assert.Equal(400 - Fake.PaidInputCount, await Workspace.Pending());
        await AssertNoneCharged();
    }

    [Fact]
    public async Task No_exception_shows_the_key()
    {
        Fake.Script(Requests.All, Fault.BadKey());

        var fault = await Assert.ThrowsAsync<ProviderException>(
            () =>
                Worker.Get<ProviderPipeline>().Generator.GenerateAsync(["a"]));

        AssertWithoutKey(fault.ToString());
    }

    private async Task AssertNoKey()
    {
        foreach (var table in new[] { "embedding.jobs", "embedding.claims", "embedding.failures", "embedding.batches" })
        {
            foreach (var row in await Database.Rows($"SELECT t::text FROM {table} t"))
            {
                AssertWithoutKey((string)row[0]!);
            }
        }
    }

    private void AssertWithoutKey(string text)
    {
        Assert.DoesNotContain(Fake.ApiKey[..8], text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(Uri.EscapeDataString(Fake.ApiKey), text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(
            Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(Fake.ApiKey))[..12], text, StringComparison.Ordinal);
    }
}
