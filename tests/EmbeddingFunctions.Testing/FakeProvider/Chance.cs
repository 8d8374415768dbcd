namespace EmbeddingFunctions.Testing;

/// <summary>A random number that depends on a seed and a request number only, so that a run repeats whatever the threads do.</summary>
internal static class Chance
{
    /// <summary>From 0 inclusive to 1 exclusive.</summary>
    public static double Of(int seed, int number)
    {
        var mixed = ((ulong)(uint)seed << 32 | (uint)number) + 0x9E3779B97F4A7C15;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return ((mixed ^ (mixed >> 31)) >> 11) * (1.0 / (1UL << 53));
    }
}
