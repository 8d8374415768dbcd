using System.Text;

namespace EmbeddingFunctions.Texts;

/// <summary>Makes a text fit for hashing, sending and storing, once, before any of them.</summary>
internal static class NormalizedText
{
    /// <summary>Part of every fingerprint: raise it when the same text would come out differently.</summary>
    public const string Version = "n1";

    private const char Replacement = '\uFFFD';

    /// <summary>Drops NUL (Postgres and JSON peers refuse it), replaces lone surrogates, trims, and cuts on a character's border.</summary>
    /// <returns>The text; empty if nothing but white space and control characters is left.</returns>
    public static string Of(string text, int maxCharacters)
    {
        var clean = NeedsCleaning(text) ? Clean(text) : text;
        var cut = Cut(clean.Trim(), maxCharacters).TrimEnd();
        return IsBlank(cut) ? "" : cut;
    }

    /// <summary>Whether a column of the database can have the text as it is: it has neither NUL nor lone surrogates.</summary>
    public static bool IsStorable(string text) => !NeedsCleaning(text);

    /// <summary>The longest beginning within a number of UTF-16 units that ends between characters.</summary>
    public static string Cut(string text, int maxCharacters) =>
        text.Length <= maxCharacters ? text
        : maxCharacters > 0 && char.IsHighSurrogate(text[maxCharacters - 1]) ? text[..(maxCharacters - 1)]
        : text[..maxCharacters];

    /// <summary>How many characters there are, as Postgres counts them.</summary>
    public static int Characters(ReadOnlySpan<char> text)
    {
        var pairs = 0;
        foreach (var c in text)
        {
            pairs += char.IsLowSurrogate(c) ? 1 : 0;
        }

        return text.Length - pairs;
    }

    /// <summary>Whether there is nothing but white space and control characters.</summary>
    public static bool IsBlank(string? text)
    {
        foreach (var c in text ?? "")
        {
            if (!char.IsWhiteSpace(c) && !char.IsControl(c))
            {
                return false;
            }
        }

        return true;
    }

    private static bool NeedsCleaning(string text) => text.Contains('\0')
        || (text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF') && HasLoneSurrogate(text));

    private static bool HasLoneSurrogate(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
            {
                continue;
            }

            if (i + 1 >= text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
            {
                return true;
            }

            i++;
        }

        return false;
    }

    private static string Clean(string text)
    {
        var clean = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]))
            {
                clean.Append(text[i]).Append(text[++i]);
            }
            else if (text[i] != '\0')
            {
                clean.Append(char.IsSurrogate(text[i]) ? Replacement : text[i]);
            }
        }

        return clean.ToString();
    }
}
