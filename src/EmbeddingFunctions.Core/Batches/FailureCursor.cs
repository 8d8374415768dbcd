using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace EmbeddingFunctions.Batches;

/// <summary>The place of a page of failed items: behind the last one of the page before.</summary>
internal sealed record FailureCursor(DateTimeOffset FailedAt, string Corpus, string Kind, string Id)
{
    public override string ToString() => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(this));

    public static bool TryParse(string text, [NotNullWhen(true)] out FailureCursor? cursor)
    {
        cursor = null;
        try
        {
            cursor = Base64Url.IsValid(text) ? JsonSerializer.Deserialize<FailureCursor>(Base64Url.DecodeFromChars(text)) : null;
        }
        catch (JsonException)
        {
            return false;
        }

        return cursor is { Corpus: not null, Kind: not null, Id: not null }
            && !$"{cursor.Corpus}{cursor.Kind}{cursor.Id}".Contains('\0', StringComparison.Ordinal);
    }
}
