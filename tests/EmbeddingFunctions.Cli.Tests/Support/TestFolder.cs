namespace EmbeddingFunctions.Cli.Tests;

/// <summary>An empty folder, deleted with the test.</summary>
internal sealed class TestFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("embeddings-test-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
