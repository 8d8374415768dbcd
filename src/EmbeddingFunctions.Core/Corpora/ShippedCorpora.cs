namespace EmbeddingFunctions.Corpora;

/// <summary>The corpora that are declared where no file of the user's is: base tables for trying them out can be created.</summary>
internal static class ShippedCorpora
{
    private static readonly string[] _names = ["workspace", "sessions", "summaries", "clips", "documents"];

    public static bool Contains(Corpus corpus) => _names.Contains(corpus.Name);
}
