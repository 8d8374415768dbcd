namespace EmbeddingFunctions.Texts;

/// <summary>How much of a text a model reads, where that is less than a request may hold.</summary>
public interface ITextWindow
{
    /// <returns>The longest beginning that the model reads; the text itself if it reads all of it. Ends between characters, not in white space.</returns>
    string Cut(string text);
}
