namespace EmbeddingFunctions.Search;

/// <summary>A request cannot be used: the same one fails until it is changed.</summary>
public sealed class InvalidSearchException : Exception
{
    internal InvalidSearchException(string field, string message)
        : base(message) => Field = field;

    /// <summary>The part of the request that is at fault, as JSON calls it, for example <c>where[0]</c>.</summary>
    public string Field { get; }
}

/// <summary>The query cannot be embedded now, and nothing else was asked for: HTTP calls it 503.</summary>
public sealed class SearchUnavailableException : Exception
{
    internal SearchUnavailableException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
