using EmbeddingFunctions.Providers;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Core.Tests.Providers;

public sealed class CheckedEmbeddingGeneratorTests
{
    private static readonly float[] _good = [0.6f, 0.8f];

    private readonly Queue<float[][]> _replies = new();

    [Fact]
    public async Task Good_vectors_pass()
    {
        var reply = await Ask(2, _good, [1e-3f, 0]);
        Assert.Equal([0.001f, 0], reply[1].Vector.ToArray());
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    [InlineData(1e30f)]
    public async Task A_vector_that_is_not_finite_may_be_its_texts_doing(float component) =>
        await Expect(ProviderFault.Item, 2, _good, [0.5f, component]);

    [Theory]
    [InlineData(0f)]
    [InlineData(1e-30f)]
    [InlineData(5e-7f)]
    public async Task A_vector_of_no_length_may_be_its_texts_doing(float component) =>
        await Expect(ProviderFault.Item, 2, [component, 0], _good);

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Another_number_of_vectors_than_of_texts_is_no_reply(int vectors) =>
        await Expect(ProviderFault.Reply, 2, [.. Enumerable.Repeat(_good, vectors)]);

    [Fact]
    public async Task One_vector_of_another_width_is_no_reply() => await Expect(ProviderFault.Reply, 2, _good, [1, 0, 0]);

    [Fact]
    public async Task All_of_another_width_is_a_matter_of_configuration()
    {
        var fault = await Expect(ProviderFault.Configuration, 2, [1, 0, 0], [1, 0, 0]);
        Assert.Contains("3 dimensions, the corpus says 2", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Once_the_width_was_right_another_is_no_reply()
    {
        using var generator = Checked();
        _replies.Enqueue([_good]);
        await generator.GenerateAsync(["a"], Options);
        _replies.Enqueue([[1, 0, 0]]);

        var fault = await Assert.ThrowsAsync<ProviderException>(() => generator.GenerateAsync(["a"], Options));

        Assert.Equal(ProviderFault.Reply, fault.Fault);
    }

    [Fact]
    public async Task A_refused_reply_has_been_paid_for()
    {
        var fault = await Expect(ProviderFault.Item, 1, [0, 0]);
        Assert.Equal(42, fault.PaidTokens);
    }

    private static EmbeddingGenerationOptions Options => new() { ModelId = "m", Dimensions = 2 };

    private async Task<ProviderException> Expect(ProviderFault expected, int texts, params float[][] vectors)
    {
        var fault = await Assert.ThrowsAsync<ProviderException>(() => Ask(texts, vectors));
        Assert.Equal(expected, fault.Fault);
        return fault;
    }

    private async Task<GeneratedEmbeddings<Embedding<float>>> Ask(int texts, params float[][] vectors)
    {
        using var generator = Checked();
        _replies.Enqueue(vectors);
        return await generator.GenerateAsync(Enumerable.Repeat("a", texts), Options);
    }

    private CheckedEmbeddingGenerator Checked() => new(new Replies(_replies));

    private sealed class Replies(Queue<float[][]> replies) : IEmbeddingGenerator<string, Embedding<float>>
    {
        public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
            IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default) =>
            Task.FromResult(new GeneratedEmbeddings<Embedding<float>>(replies.Dequeue().Select(vector => new Embedding<float>(vector)))
            {
                Usage = new UsageDetails { InputTokenCount = 42 },
            });

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose()
        {
        }
    }
}
