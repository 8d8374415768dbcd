using System.Security.Cryptography;
using System.Text;
using EmbeddingFunctions.Search;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>Keys that may search and do nothing else, each within its corpora and partitions; only their SHA-256 is known here.</summary>
internal sealed class SearchKeys(IReadOnlyList<SearchKeys.Entry> entries)
{
    public const string Header = "x-search-key";

    public bool IsEmpty => entries.Count == 0;

    /// <returns>What the key of the request may see; null: it carries none, or one that is not known.</returns>
    public SearchScope? ScopeOf(HttpRequest request) => Find(request.Headers[Header].ToString());

    // Every digest is compared, each in constant time, so that the answer's time tells nothing about the keys.
    private SearchScope? Find(string key)
    {
        var digest = SHA256.HashData(Encoding.UTF8.GetBytes(key));
        SearchScope? found = null;
        foreach (var entry in entries)
        {
            found = CryptographicOperations.FixedTimeEquals(digest, entry.Digest) ? entry.Scope : found;
        }

        return found;
    }

    /// <param name="Name">For messages; the key itself is nowhere.</param>
    /// <param name="Digest">SHA-256 of the key in UTF-8.</param>
    /// <param name="Scope">What it may see.</param>
    internal sealed record Entry(string Name, byte[] Digest, SearchScope Scope);
}
