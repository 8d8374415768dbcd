using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Local.Tests;

/// <summary>The model, loaded once for all tests.</summary>
public sealed class SharedModel : IDisposable
{
    public const string Collection = "the model";

    public MiniLmModel Model { get; } = new();

    public async Task<float[]> Embed(string text) => (await Embed([text]))[0];

    public async Task<IReadOnlyList<float[]>> Embed(IEnumerable<string> texts, int? dimensions = null) =>
        (await Model.GenerateAsync(texts, new EmbeddingGenerationOptions { Dimensions = dimensions }))
            .Select(embedding => embedding.Vector.ToArray()).ToList();

    public static double Cosine(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Sum() / (Length(a) * Length(b));

    public static double Length(float[] vector) => Math.Sqrt(vector.Sum(value => (double)value * value));

    public void Dispose() => Model.Dispose();
}

[CollectionDefinition(SharedModel.Collection)]
public sealed class SharedModelFixture : ICollectionFixture<SharedModel>;
