using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Core.Tests.Corpora;

public sealed class NearestNameTests
{
    private static readonly string[] _known = ["dimensions", "pageSize", "tables", "id", "maxCharacters"];

    [Theory]
    [InlineData("dimension", "dimensions")]
    [InlineData("page_size", "pageSize")]
    [InlineData("tabels", "tables")]
    [InlineData("max_chars", "maxCharacters", false)]
    [InlineData("maxCharacter", "maxCharacters")]
    [InlineData("ID", "id")]
    [InlineData("colour", null)]
    [InlineData("x", null)]
    [InlineData("", null)]
    public void A_name_is_near_within_a_third_of_its_letters(string name, string? nearest, bool isNear = true) =>
        Assert.Equal(isNear ? nearest : null, NearestName.Of(name, _known));

    [Fact]
    public void Of_no_names_none_is_near() => Assert.Null(NearestName.Of("dimensions", []));
}
