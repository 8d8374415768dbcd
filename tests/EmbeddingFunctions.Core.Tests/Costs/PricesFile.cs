using IOPath = System.IO.Path;

namespace EmbeddingFunctions.Core.Tests.Costs;

/// <summary>A price file of a test's own.</summary>
internal sealed class PricesFile : IDisposable
{
    public PricesFile(string json) => File.WriteAllText(Path, json);

    public string Path { get; } = IOPath.Combine(IOPath.GetTempPath(), $"prices-{Guid.NewGuid():N}.json");

    public void Dispose() => File.Delete(Path);
}
