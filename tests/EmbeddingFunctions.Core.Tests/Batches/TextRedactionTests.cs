using EmbeddingFunctions.Batches;

namespace EmbeddingFunctions.Core.Tests.Batches;

public sealed class TextRedactionTests
{
    [Theory]
    [InlineData("invalid input: 'the diagnosis of patient Nilsen' has no vector", "invalid input: '[its text]' has no vector")]
    [InlineData("the diagnosis of patient", "[its text]")]
    [InlineData("the diagnosis of 1 and a second line of the body", "[its text]1 and [its text]")]
    [InlineData("the text is too long: 9,000 tokens", "the text is too long: 9,000 tokens")]
    [InlineData("", "")]
    public void A_reason_does_not_repeat_the_item_s_text(string reason, string expected) =>
        Assert.Equal(expected, TextRedaction.Hide(reason, ["the diagnosis of patient Nilsen", null, "a second line of the body"]));
}
