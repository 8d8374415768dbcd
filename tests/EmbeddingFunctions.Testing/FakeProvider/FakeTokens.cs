using System.Text;

namespace EmbeddingFunctions.Testing;

/// <summary>The fake's token count: one token for every four UTF-8 bytes begun, and never less than one.</summary>
public static class FakeTokens
{
    public static int Count(string text) => Math.Max(1, Estimate(text));

    /// <summary>The estimate the endpoint holds against its limit a request: a quarter token a byte, rounded up.</summary>
    public static int Estimate(string text) => (Encoding.UTF8.GetByteCount(text) + 3) / 4;
}
