using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Batches;

/// <summary>
/// A text of a batch and its result so far: a vector, a failure, or none yet. What was paid for stays, whatever comes after.
/// </summary>
/// <param name="text">The whole text.</param>
/// <param name="fingerprint">Of the whole text.</param>
/// <param name="mayShorten">Whether it may be cut if the provider finds it too long.</param>
internal sealed class TextWork(InputText text, string fingerprint, bool mayShorten = false)
{
    // What remains of a text may be denser than the end that is cut off: one cut may not be enough.
    private const int MostShortenings = 4;

    private int _shortenings;

    public string Fingerprint { get; } = fingerprint;

    /// <summary>What is sent: the whole text, or its beginning.</summary>
    public InputText Sent { get; private set; } = text;

    /// <summary>Of what is sent: the vector is cached by this.</summary>
    public string SentFingerprint { get; private set; } = fingerprint;

    /// <summary>How many characters of the text are not sent.</summary>
    public int LeftOut { get; private set; }

    public ReadOnlyMemory<float>? Vector { get; private set; }

    public bool IsFromCache { get; private set; }

    /// <summary>Why the text has no vector, where the text is to blame.</summary>
    public string? Failure { get; private set; }

    public bool IsUndecided => Vector is null && Failure is null;

    public bool MayShorten => mayShorten && _shortenings < MostShortenings;

    public void Embedded(ReadOnlyMemory<float> vector, bool fromCache = false) => (Vector, IsFromCache) = (vector, fromCache);

    public void Failed(string reason) => Failure = reason;

    /// <summary>Lets only the beginning of the text be sent.</summary>
    public void Shorten(InputText beginning, string beginningFingerprint)
    {
        _shortenings++;
        LeftOut += NormalizedText.Characters(Sent.Text) - NormalizedText.Characters(beginning.Text);
        (Sent, SentFingerprint) = (beginning, beginningFingerprint);
    }
}
