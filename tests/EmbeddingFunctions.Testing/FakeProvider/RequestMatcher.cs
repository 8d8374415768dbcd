namespace EmbeddingFunctions.Testing;

/// <summary>Which requests are meant, with the number of times left.</summary>
internal sealed class RequestMatcher(Requests which)
{
    private readonly Lock _lock = new();
    private int _left = which.Limit ?? int.MaxValue;

    /// <summary>Tells the positions of the inputs meant, and uses up one of the times.</summary>
    public bool TryMatch(ArrivedRequest request, out IReadOnlyList<int> positions)
    {
        positions = [];
        lock (_lock)
        {
            if (_left == 0 || which.Match(request) is not { } matched)
                return false;
            if (which.Limit is not null)
                _left--;
            positions = matched;
            return true;
        }
    }
}
