namespace EmbeddingFunctions.Testing;

/// <summary>Something the fake does instead of, or to, a proper reply; scripted with <see cref="FakeOpenAi.Script"/>.</summary>
public abstract partial record Fault
{
    private protected Fault(string name) => Name = name;

    /// <summary>As it appears in <see cref="FakeRequest.Fault"/>.</summary>
    public string Name { get; }

    internal IReadOnlyList<(string Name, string Value)> Headers { get; private init; } = [];

    /// <summary>A different one of these each time, decided by the seed and the request's number alone.</summary>
    public static Fault OneOf(int seed, params Fault[] faults) => new ChosenFault(seed, faults);

    /// <summary>The same with one more reply header, or with another value of it.</summary>
    public Fault WithHeader(string name, string value) => this with { Headers = [.. Headers, (name, value)] };

    internal abstract Task ActAsync(Exchange exchange);
}
