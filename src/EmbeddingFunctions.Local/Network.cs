using Microsoft.ML.OnnxRuntime;

namespace EmbeddingFunctions.Local;

/// <summary>The model itself: from word pieces to unit vectors. Many threads may use it at once; a run keeps one core busy.</summary>
internal sealed class Network : IDisposable
{
    public const int Dimensions = 384;

    private static readonly string[] _inputs = ["input_ids", "attention_mask", "token_type_ids"];
    private static readonly string[] _outputs = ["last_hidden_state"];

    private readonly InferenceSession _session;

    public Network()
    {
        // One thread a run and a run a core: measured, that is faster than many threads on one run.
        using var options = new SessionOptions { IntraOpNumThreads = 1, InterOpNumThreads = 1 };
        _session = new InferenceSession(PackagedModel.Network(), options);
    }

    /// <param name="texts">The pieces of each text; the fewer the lengths differ, the less is computed in vain.</param>
    /// <returns>Of each text the mean of its pieces' vectors, scaled to length 1.</returns>
    public float[][] Embed(IReadOnlyList<int[]> texts)
    {
        var length = texts.Max(pieces => pieces.Length);
        long[] shape = [texts.Count, length];
        var (ids, mask) = (new long[texts.Count * length], new long[texts.Count * length]);
        for (var i = 0; i < texts.Count; i++)
        {
            for (var j = 0; j < texts[i].Length; j++)
            {
                (ids[(i * length) + j], mask[(i * length) + j]) = (texts[i][j], 1);
            }
        }

        using var run = new RunOptions();
        using var idsValue = OrtValue.CreateTensorValueFromMemory(ids, shape);
        using var maskValue = OrtValue.CreateTensorValueFromMemory(mask, shape);
        using var typesValue = OrtValue.CreateTensorValueFromMemory(new long[ids.Length], shape);
        using var results = _session.Run(run, _inputs, [idsValue, maskValue, typesValue], _outputs);
        var states = results[0].GetTensorDataAsSpan<float>();
        var vectors = new float[texts.Count][];
        for (var i = 0; i < texts.Count; i++)
        {
            vectors[i] = UnitMean(states.Slice(i * length * Dimensions, texts[i].Length * Dimensions));
        }

        return vectors;
    }

    public void Dispose() => _session.Dispose();

    // The mean's direction is the sum's.
    private static float[] UnitMean(ReadOnlySpan<float> states)
    {
        var sum = new float[Dimensions];
        for (; states.Length > 0; states = states[Dimensions..])
        {
            for (var i = 0; i < Dimensions; i++)
            {
                sum[i] += states[i];
            }
        }

        var norm = Math.Sqrt(sum.Sum(value => (double)value * value));
        return Array.ConvertAll(sum, value => (float)(value / norm));
    }
}
