namespace EmbeddingFunctions.Testing;

/// <summary>The requests a scripted fault or a hold is for.</summary>
public sealed class Requests
{
    private static readonly IReadOnlyList<int> _first = [0];

    private readonly Func<ArrivedRequest, IReadOnlyList<int>?> _match;

    private Requests(Func<ArrivedRequest, IReadOnlyList<int>?> match, int? limit = null) => (_match, Limit) = (match, limit);

    public static Requests All { get; } = new(_ => _first);

    internal int? Limit { get; }

    public static Requests Next(int count) => All.Times(count);

    /// <summary>The request with this <see cref="FakeRequest.Number"/>.</summary>
    public static Requests Number(int number) => Where(request => request.Number == number);

    public static Requests Where(Func<FakeRequest, bool> predicate) => new(request => predicate(request.Entry) ? _first : null);

    /// <summary>Requests with at least one such input; a fault that spoils single vectors spoils those of all such inputs.</summary>
    public static Requests WithInput(Func<string, bool> predicate) => new(request =>
    {
        var positions = Enumerable.Range(0, request.Sent.Texts.Count).Where(i => predicate(request.Sent.Texts[i])).ToArray();
        return positions.Length > 0 ? positions : null;
    });

    /// <summary>Each request with this probability, decided by the seed and the request's number alone.</summary>
    public static Requests AtRandom(double probability, int seed) => Where(request => Chance.Of(seed, request.Number) < probability);

    /// <summary>Only a number of these requests, the first ones.</summary>
    public Requests Times(int count) => new(_match, count);

    /// <summary>The positions of the inputs meant, or null if the request is not one of these.</summary>
    internal IReadOnlyList<int>? Match(ArrivedRequest request) => _match(request);
}
