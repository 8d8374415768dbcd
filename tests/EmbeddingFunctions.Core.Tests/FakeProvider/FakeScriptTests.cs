using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.FakeProvider;

public sealed class FakeScriptTests : FakeTest
{
    [Fact]
    public async Task Rules_for_the_next_requests_follow_one_another()
    {
        Fake.Script(Requests.Next(2), Fault.ServerError());
        Fake.Script(Requests.Next(1), Fault.SlowDown());
        Assert.Equal([500, 500, 429, 200], await StatusesAsync(4));
    }

    [Fact]
    public async Task A_rule_can_name_one_request()
    {
        Fake.Script(Requests.Number(2), Fault.ServerError());
        Assert.Equal([200, 500, 200], await StatusesAsync(3));
    }

    [Fact]
    public async Task A_rule_can_be_about_an_input_and_for_a_number_of_times()
    {
        Fake.Script(Requests.WithInput(text => text == "poison").Times(1), Fault.BadInput());
        Assert.Equal(200, (await Client.EmbedAsync("a")).Status);
        Assert.Equal(400, (await Client.EmbedAsync("a", "poison")).Status);
        Assert.Equal(200, (await Client.EmbedAsync("a", "poison")).Status);
    }

    [Fact]
    public async Task A_rule_can_be_about_the_worker()
    {
        Fake.Script(Requests.Where(request => request.WorkerId == "worker-7"), Fault.Overloaded());
        Assert.Equal([503], await StatusesAsync(1));
    }

    [Fact]
    public async Task A_rule_can_be_taken_back()
    {
        using (Fake.Script(Requests.All, Fault.ServerError()))
            Assert.Equal([500], await StatusesAsync(1));
        Assert.Equal([200], await StatusesAsync(1));
        Fake.Script(Requests.All, Fault.ServerError());
        Fake.ClearScript();
        Assert.Equal([200], await StatusesAsync(1));
    }

    [Fact]
    public async Task Chance_repeats_with_its_seed()
    {
        Fake.Script(Requests.AtRandom(0.3, seed: 42), Fault.OneOf(42, Fault.ServerError(), Fault.SlowDown(), Fault.Overloaded()));
        var statuses = await StatusesAsync(200);
        Assert.InRange(statuses.Count(status => status != 200), 40, 80);
        Assert.Equal([200, 429, 500, 503], statuses.Distinct().Order());

        await using var again = await FakeOpenAi.StartAsync();
        again.Script(Requests.AtRandom(0.3, seed: 42), Fault.OneOf(42, Fault.ServerError(), Fault.SlowDown(), Fault.Overloaded()));
        var client = new FakeClient(again);
        foreach (var status in statuses)
            Assert.Equal(status, (await client.EmbedAsync("a")).Status);
    }

    private async Task<List<int>> StatusesAsync(int count)
    {
        var statuses = new List<int>();
        for (var i = 0; i < count; i++)
            statuses.Add((await Client.EmbedAsync("a")).Status);
        return statuses;
    }
}
