namespace EmbeddingFunctions.Texts;

/// <summary>A part of a text that is embedded on its own.</summary>
/// <param name="Input">The part.</param>
/// <param name="Start">The first character's place in the text, from 0, counted as Postgres counts characters.</param>
/// <param name="End">Behind the last character.</param>
internal sealed record TextChunk(InputText Input, int Start, int End)
{
    public string Text => Input.Text;

    public int Tokens => Input.Tokens;
}
