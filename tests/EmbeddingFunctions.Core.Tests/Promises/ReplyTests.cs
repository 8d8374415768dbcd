using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Promises;

/// <summary>Replies that are not what was asked for: none of them reaches a row.</summary>
public sealed class ReplyTests : EngineTest
{
    public static TheoryData<string, Fault> WrongOnce => new()
    {
        { "F17 one vector missing", Fault.DropVector() },
        { "F17 one too many", Fault.ExtraVector() },
        { "F18 shuffled", Fault.Shuffle() },
        { "F19 index repeated", Fault.DuplicateIndex() },
        { "F19 index out of range", Fault.OutOfRangeIndex() },
        { "F19 index negative", Fault.NegativeIndex() },
        { "F20 one of another width", Fault.MixedDimensions() },
        { "F21 NaN", Fault.NaN() },
        { "F21 infinity", Fault.Infinity() },
        { "F21 broken base64", Fault.BadBase64() },
        { "F22 zero", Fault.ZeroVector() },
        { "F22 nearly zero", Fault.NearZero() },
        { "F23 floats", Fault.FloatsThoughBase64Asked() },
        { "F16 empty", Fault.EmptyData() },
        { "F16 HTML", Fault.Html200() },
        { "F16 an error with status 200", Fault.ErrorObject200() },
        { "F15 reset before the reply", Fault.ResetBeforeHeaders() },
        { "F15 cut in the middle", Fault.TruncatedBody() },
        { "F13 409", Fault.ServerError(409) },
        { "F13 500", Fault.ServerError(500) },
        { "F13 503", Fault.ServerError(503) },
        { "F13 520", Fault.ServerError(520) },
        { "F13 529", Fault.ServerError(529) },
        { "F6 overloaded", Fault.Overloaded() },
    };

    [Theory]
    [MemberData(nameof(WrongOnce))]
    public async Task A_wrong_reply_writes_nothing_and_all_is_embedded_in_the_end(string fault, Fault wrong)
    {
        await Workspace.Items(Repository, 20);
        Fake.Script(Requests.Next(1), wrong);
        var outcome = await Engine.Run();
        Assert.True((outcome.Status, outcome.Counts.Embedded, outcome.Counts.Failed) == (RunStatus.Completed, 20, 0), $"{fault}: {outcome}");
        await AssertTrue();
    }

    [Theory]
    [InlineData("400")]
    [InlineData("NaN")]
    [InlineData("zero")]
    [InlineData("missing")]
    public async Task F10_A_bad_item_is_found_in_few_requests_and_the_others_are_embedded(string kind)
    {
        const int Items = 20;
        const int MostRequests = 1 + (2 * 5);
        await Workspace.Items(Repository, Items - 1);
        await Workspace.Item(Repository, "poison");
        var poison = Requests.WithInput(text => text.Contains("poison", StringComparison.Ordinal));
        Fake.Script(poison, kind switch { "400" => Fault.BadInput(), "NaN" => Fault.NaN(), "zero" => Fault.ZeroVector(), _ => Fault.BadInput() });

        var outcome = await Engine.Run();

        Assert.Equal((Items - 1, 1), (outcome.Counts.Embedded, outcome.Counts.Failed));
        Assert.InRange(Fake.RequestCount, 1, MostRequests);
        Assert.Equal(1, await Attempts("poison"));
        await AssertTrue(pending: 1);
    }

    [Fact]
    public async Task A_bad_item_is_given_up_after_three_attempts_and_an_edit_revives_it()
    {
        await Workspace.Items(Repository, 3);
        await Workspace.Item(Repository, "poison");
        Fake.Script(Requests.WithInput(text => text.Contains("poison", StringComparison.Ordinal)), Fault.BadInput());
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            await Engine.Run();
            Assert.Equal(attempt, await Attempts("poison"));
            await Database.Execute("UPDATE embedding_claims SET retry_at = now() - interval '1 second' WHERE retry_at < 'infinity'");
        }

        var requests = Fake.RequestCount;
        Assert.True(await Database.Ask<bool>("SELECT is_dead FROM embedding_failures"));
        Assert.Equal(0, (await Engine.Run()).ItemsTotal);
        await Database.Execute("UPDATE issues SET updated_at = now() + interval '1 hour' WHERE title = 'poison'");
        await Engine.Run();
        Assert.Equal(requests, Fake.RequestCount);

        await Database.Execute("UPDATE issues SET title = 'cured' WHERE title = 'poison'");
        Assert.Equal(1, (await Engine.Run()).Counts.Embedded);
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding_failures"));
        await AssertTrue();
    }
}
