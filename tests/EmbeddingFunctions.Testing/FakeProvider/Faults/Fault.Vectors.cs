using System.Text.Json;

namespace EmbeddingFunctions.Testing;

/// <content>
/// A 200 whose vectors are wrong. Where a fault spoils single vectors these are the position given, or else the inputs
/// matched by <see cref="Requests.WithInput"/>, or else the first.
/// </content>
public abstract partial record Fault
{
    public static Fault WrongDimensions(int dimensions) => new DistortionFault(nameof(WrongDimensions), (answer, _) =>
    {
        for (var i = 0; i < answer.Items.Count; i++)
            answer.Items[i].Vector = VectorOf(answer, i, dimensions);
    });

    /// <summary>Right dimensions save for the spoilt vectors, which have one more.</summary>
    public static Fault MixedDimensions(int? position = null) => Spoil(nameof(MixedDimensions), position, (answer, i) =>
        answer.Items[i].Vector = VectorOf(answer, i, answer.Items[i].Vector.Length + 1));

    public static Fault DropVector(int? position = null) => new DistortionFault(nameof(DropVector), (answer, matched) =>
    {
        foreach (var i in Positions(answer, position, matched).OrderDescending())
            answer.Items.RemoveAt(i);
    });

    /// <summary>One vector too many, with the next index.</summary>
    public static Fault ExtraVector() => new DistortionFault(nameof(ExtraVector), (answer, _) =>
        answer.Items.Add(answer.Items[^1].As(answer.Items.Count)));

    /// <summary>Vectors in another order, each with its right index: harmless to a client that reads the index.</summary>
    public static Fault Shuffle() => new DistortionFault(nameof(Shuffle), (answer, _) => answer.Items.Reverse());

    /// <summary>The last vector claims the first's index.</summary>
    public static Fault DuplicateIndex() => new DistortionFault(nameof(DuplicateIndex), (answer, _) =>
    {
        if (answer.Items.Count == 1)
            answer.Items.Add(answer.Items[0].As(0));
        answer.Items[^1].Index = 0;
    });

    /// <summary>The last vector claims an index one past the end.</summary>
    public static Fault OutOfRangeIndex() => new DistortionFault(nameof(OutOfRangeIndex), (answer, _) =>
        answer.Items[^1].Index = answer.Items.Count);

    /// <summary>The first vector claims index -1.</summary>
    public static Fault NegativeIndex() => new DistortionFault(nameof(NegativeIndex), (answer, _) => answer.Items[0].Index = -1);

    /// <summary>One NaN component; among floats it is a bare NaN, which is not JSON.</summary>
    public static Fault NaN(int? position = null) => Spoil(nameof(NaN), position, (answer, i) => answer.Items[i].Vector[0] = float.NaN);

    /// <summary>One infinite component; among floats it is a bare Infinity, which is not JSON.</summary>
    public static Fault Infinity(int? position = null) =>
        Spoil(nameof(Infinity), position, (answer, i) => answer.Items[i].Vector[0] = float.PositiveInfinity);

    public static Fault ZeroVector(int? position = null) =>
        Spoil(nameof(ZeroVector), position, (answer, i) => Array.Clear(answer.Items[i].Vector));

    /// <summary>Components of 1e-30, whose squares are zero in single precision.</summary>
    public static Fault NearZero(int? position = null) =>
        Spoil(nameof(NearZero), position, (answer, i) => Array.Fill(answer.Items[i].Vector, 1e-30f));

    /// <summary>A float array that begins with null.</summary>
    public static Fault NullElement(int? position = null) => Spoil(nameof(NullElement), position, (answer, i) =>
        answer.Items[i]
            .Raw = JsonSerializer.Serialize(answer.Items[i].Vector.Select((component, at) => at == 0 ? (float?)null : component)));

    /// <summary>Base64 of five bytes, which is no whole number of floats.</summary>
    public static Fault BadBase64(int? position = null) =>
        Spoil(nameof(BadBase64), position, (answer, i) => answer.Items[i].Raw = "\"AAAAAAA=\"");

    /// <summary>An empty string in the vector's place.</summary>
    public static Fault EmptyBase64(int? position = null) =>
        Spoil(nameof(EmptyBase64), position, (answer, i) => answer.Items[i].Raw = "\"\"");

    public static Fault EmptyData() => new DistortionFault(nameof(EmptyData), (answer, _) => answer.Items.Clear());

    /// <summary>Right vectors as float arrays, as servers that do not know <c>encoding_format</c> send them.</summary>
    public static Fault FloatsThoughBase64Asked() =>
        new DistortionFault(nameof(FloatsThoughBase64Asked), (answer, _) => answer.Base64 = false);

    private static DistortionFault Spoil(string name, int? position, Action<Answer, int> change) => new(name, (answer, matched) =>
    {
        foreach (var i in Positions(answer, position, matched))
            change(answer, i);
    });

    private static IReadOnlyList<int> Positions(Answer answer, int? position, IReadOnlyList<int> matched) =>
        position is { } one ? [Math.Min(one, answer.Items.Count - 1)] : matched;

    private static float[] VectorOf(Answer answer, int position, int dimensions) =>
        FakeVector.Of(answer.Request.Hashes[position], answer.Request.Model, dimensions);
}
