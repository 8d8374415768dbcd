namespace EmbeddingFunctions.Texts;

/// <summary>A part of a text that is embedded on its own.</summary>
/// <param name="Start">The first character's place in the text, from 0, counted as Postgres counts characters.</param>
/// <param name="End">Behind the last character.</param>
/// <param name="Tokens">Estimated.</param>
internal sealed record TextChunk(string Text, int Start, int End, int Tokens);
