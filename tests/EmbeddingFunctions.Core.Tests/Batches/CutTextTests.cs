using EmbeddingFunctions.Core.Tests.Texts;
using EmbeddingFunctions.Testing;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>Texts that are cut to a length, and texts that fail because they are too long.</summary>
public sealed class CutTextTests : LongTextTest
{
    private static readonly string[] _scripts = ["Norwegian", "Georgian", "Amharic", "Burmese", "Polytonic Greek"];

    [Fact]
    public async Task What_is_cut_off_is_on_the_row_and_goes_with_the_cut()
    {
        var engine = await Engine("truncate", maxCharacters: 10);
        await Note(1, "0123456789");
        await Note(2, "0123456789a");
        await Note(3, "012345678😀😀");
        await Run(engine);

        Assert.Equal([null, 1, 2], await Truncated());
        await Note(2, "0123456789abc");
        await Note(3, "short");
        Assert.Equal((1, 1), await Run(engine) is var run ? (run.Counts.Unchanged, run.Counts.Embedded) : default);
        Assert.Equal([null, 3, null], await Truncated());
        await Note(2, " ");
        await Run(engine);
        Assert.Equal([null, null, null], await Truncated());
    }

    [Fact]
    public async Task A_text_of_any_script_is_cut_to_what_the_provider_takes_and_none_is_refused()
    {
        await using var fake = await FakeOpenAi.StartAsync(new() { MaxInputTokens = TokenCounter.MaxInput });
        var engine = await Engine("truncate", maxCharacters: 100_000, fake: fake);
        string[] texts = [Scripts.Base64(60_000), .. _scripts.Select(script => Scripts.Of(script, 60_000))];
        for (var i = 0; i < texts.Length; i++)
        {
            await Note(i, texts[i]);
        }

        var run = await Run(engine);

        Assert.Equal((texts.Length, 0), (run.Counts.Embedded, run.Counts.Failed));
        Assert.All(fake.Requests, request => Assert.Equal(200, request.Status));
        Assert.All(fake.PaidInputs.Keys, sent => Assert.InRange(FakeTokens.Count(sent), TokenCounter.MaxInput - 4, TokenCounter.MaxInput));
    }

    [Fact]
    public async Task Another_length_makes_again_only_what_it_changes()
    {
        await Note(1, "short");
        await Note(2, "0123456789abc");
        await Run(await Engine("truncate", maxCharacters: 10));

        var run = await Run(await Engine("truncate", maxCharacters: 12));

        Assert.Equal((1, 1), (run.Counts.Unchanged, run.Counts.Embedded));
        Assert.Equal([null, 1], await Truncated());
    }

    [Fact]
    public async Task A_text_that_is_too_long_fails_without_a_request_until_it_is_edited()
    {
        var engine = await Engine("fail");
        await Note(1, string.Concat(Enumerable.Repeat(" one", TokenCounter.MaxInput)));
        await Note(2, string.Concat(Enumerable.Repeat(" two", TokenCounter.MaxInput + 1)));

        var run = await Run(engine);

        Assert.Equal((1, 1, 1), (run.Counts.Embedded, run.Counts.Failed, Fake.PaidInputCount));
        var (reason, isDead) = await Failure();
        Assert.StartsWith("the text is too long: 8,192 tokens, of which the model takes 8,191;", reason, StringComparison.Ordinal);
        Assert.True(isDead);
        Assert.Equal(0, (await Run(engine)).ItemsTotal);
        await Note(2, "short");
        Assert.Equal(1, (await Run(engine)).Counts.Embedded);
        Assert.Equal(0, await Count("embedding.failures"));
    }

    private async Task<IEnumerable<int?>> Truncated() =>
        (await Database.Rows("SELECT embedding_truncated FROM notes ORDER BY id")).Select(row => (int?)row[0]);
}
