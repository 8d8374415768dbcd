namespace EmbeddingFunctions.Testing;

/// <summary>The faults in the order they were scripted; the first whose requests include the one at hand decides.</summary>
internal sealed class FaultScript
{
    private readonly Lock _lock = new();
    private readonly List<Rule> _rules = [];

    public IDisposable Add(Requests which, Fault fault)
    {
        var rule = new Rule(this, new RequestMatcher(which), fault);
        lock (_lock)
            _rules.Add(rule);
        return rule;
    }

    public void Clear()
    {
        lock (_lock)
            _rules.Clear();
    }

    public (Fault? Fault, IReadOnlyList<int> Positions) Find(ArrivedRequest request)
    {
        lock (_lock)
        {
            foreach (var rule in _rules)
            {
                if (rule.Matcher.TryMatch(request, out var positions))
                    return (rule.Fault, positions);
            }
        }

        return (null, []);
    }

    private sealed class Rule(FaultScript script, RequestMatcher matcher, Fault fault) : IDisposable
    {
        public RequestMatcher Matcher => matcher;

        public Fault Fault => fault;

        public void Dispose()
        {
            lock (script._lock)
                script._rules.Remove(this);
        }
    }
}
