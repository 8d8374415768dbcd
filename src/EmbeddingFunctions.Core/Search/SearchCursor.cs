using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace EmbeddingFunctions.Search;

/// <summary>
/// The place of the next page. All pages of a search are cut from the same lists: the cursor has their length, and is of one request only.
/// </summary>
/// <param name="Candidates">How many candidates each list has.</param>
/// <param name="Offset">How many results came before.</param>
internal sealed record SearchCursor(int Candidates, int Offset)
{
    public const int MostCandidates = 200;

    private const int HashBytes = 6;

    /// <summary>The first page's.</summary>
    public static SearchCursor First(int limit) => new(Math.Clamp(10 * limit, 50, MostCandidates), 0);

    /// <summary>Ten pages of a usual length fit into the lists.</summary>
    public static SearchCursor Of(SearchRequest request)
    {
        if (request.Cursor is not { } text)
        {
            return First(request.Limit);
        }

        var bytes = new byte[2 * sizeof(ushort) + HashBytes];
        if (!Base64Url.IsValid(text, out var length) || length != bytes.Length || Base64Url.DecodeFromChars(text, bytes) != length)
        {
            throw new InvalidSearchException("cursor", "It is no cursor: take 'next' of the page before, or leave it out.");
        }

        var cursor = new SearchCursor(BitConverter.ToUInt16(bytes, 0), BitConverter.ToUInt16(bytes, sizeof(ushort)));
        if (!bytes.AsSpan(2 * sizeof(ushort)).SequenceEqual(Hash(request)))
        {
            throw new InvalidSearchException(
                "cursor", "It is of another request: of a search only the cursor and the limit may change from page to page.");
        }

        return cursor.Candidates is >= 1 and <= MostCandidates && cursor.Offset < 2 * MostCandidates ? cursor
            : throw new InvalidSearchException(
                "cursor",
                $"A search has pages of its {2 * MostCandidates} best candidates at most: narrow it by filters, kinds or a minSimilarity "
                    + "to see others.");
    }

    public SearchCursor After(int results) => this with { Offset = Offset + results };

    public string Text(SearchRequest request) => Base64Url.EncodeToString(
        [.. BitConverter.GetBytes((ushort)Candidates), .. BitConverter.GetBytes((ushort)Offset), .. Hash(request)]);

    private static byte[] Hash(SearchRequest request) => SHA256.HashData(Encoding.UTF8.GetBytes(
        JsonSerializer.Serialize(
            request with { Cursor = null, Limit = 1, Columns = null, Highlight = SearchHighlight.None })))[..HashBytes];
}
