namespace EmbeddingFunctions.Texts;

/// <summary>How much of a text a model reads, where that is less than a request may hold.</summary>
internal interface ITextWindow
{
    /// <returns>The longest beginning that the model reads, ending between characters; the text itself if it reads all of it.</returns>
    string Cut(string text);
}
