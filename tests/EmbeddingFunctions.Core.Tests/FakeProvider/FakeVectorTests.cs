using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.FakeProvider;

public sealed class FakeVectorTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(384)]
    [InlineData(3072)]
    public void A_vector_has_unit_length(int dimensions)
    {
        var vector = FakeVector.Of("text", "model", dimensions);
        Assert.Equal(dimensions, vector.Length);
        Assert.Equal(1, vector.Sum(component => (double)component * component), 1e-5);
    }

    [Fact]
    public void The_same_text_has_the_same_vector() =>
        Assert.Equal(FakeVector.Of("grüße", "model", 384), FakeVector.Of("grüße", "model", 384));

    [Theory]
    [InlineData("other", "model", 384)]
    [InlineData("text", "other", 384)]
    [InlineData("text", "model", 383)]
    public void Another_text_model_or_dimension_has_another_vector(string text, string model, int dimensions)
    {
        var (one, other) = (FakeVector.Of("text", "model", 384), FakeVector.Of(text, model, dimensions));
        Assert.True(one.Zip(other, (a, b) => (double)a * b).Sum() < 0.5);
    }

    [Fact]
    public void The_vector_of_a_text_never_changes_between_versions() =>
        Assert.Equal([0.56724185f, -0.7397667f, -0.36191422f], FakeVector.Of("pinned", "model", 3));
}
