namespace EmbeddingFunctions.Testing;

/// <summary>The account's limits. A refused request counts as a request but spends no tokens, as at OpenAI.</summary>
internal sealed class FakeRateLimits(FakeOpenAiOptions options)
{
    private readonly Lock _lock = new();
    private readonly RollingWindow? _requests = PerMinute(options.RequestsPerMinute, options);
    private readonly RollingWindow? _tokens = PerMinute(options.TokensPerMinute, options);
    private readonly RollingWindow? _burst = Burst(options);

    public RateVerdict Judge(EmbeddingsRequest request)
    {
        lock (_lock)
        {
            var full = Windows(request).FirstOrDefault(w => w.Window.WaitFor(w.Amount) > TimeSpan.Zero);
            var used = full.Window?.Used ?? 0;
            _requests?.Add(1);
            _burst?.Add(1);
            if (full.Window is null)
                _tokens?.Add(request.Tokens);
            if (full.Window is null)
                return new RateVerdict(null, null, Headers());
            if (full.Amount > full.Window.Limit)
                return new RateVerdict(Refusals.LargerThanLimit(request.Model, full.Window.Limit, full.Amount), null, Headers());

            // Taken after counting: the refused request itself stands in the way of the next.
            var wait = Windows(request).Max(w => w.Window.WaitFor(w.Amount));
            return new RateVerdict(
                Refusals.RateLimited(request.Model, full.Unit, full.Window.Limit, used, full.Amount, wait), wait, Headers());
        }
    }

    /// <summary>The headers for a request that is not counted, such as one with a wrong key.</summary>
    public RateVerdict Glance()
    {
        lock (_lock)
            return new RateVerdict(null, null, Headers());
    }

    private IEnumerable<(RollingWindow Window, string Unit, int Amount)> Windows(EmbeddingsRequest request)
    {
        if (_requests is not null)
            yield return (_requests, "requests", 1);
        if (_burst is not null)
            yield return (_burst, "requests", 1);
        if (_tokens is not null)
            yield return (_tokens, "tokens", request.Tokens);
    }

    private List<(string Name, string Value)> Headers()
    {
        var headers = new List<(string, string)>(6);
        AddHeaders(headers, _requests, "requests");
        AddHeaders(headers, _tokens, "tokens");
        return headers;
    }

    private static void AddHeaders(List<(string, string)> headers, RollingWindow? window, string unit)
    {
        if (window is null)
            return;
        headers.Add(($"x-ratelimit-limit-{unit}", $"{window.Limit}"));
        headers.Add(($"x-ratelimit-remaining-{unit}", $"{window.Remaining}"));
        headers.Add(($"x-ratelimit-reset-{unit}", GoDuration.Format(window.Reset)));
    }

    private static RollingWindow? PerMinute(int? limit, FakeOpenAiOptions options) =>
        limit is { } value ? new RollingWindow(value, TimeSpan.FromSeconds(60), options.TimeProvider) : null;

    private static RollingWindow? Burst(FakeOpenAiOptions options) =>
        options is { EnforcePerSecond: true, RequestsPerMinute: { } limit }
            ? new RollingWindow(Math.Max(1, limit / 60), TimeSpan.FromSeconds(Math.Max(1, 60.0 / limit)), options.TimeProvider)
            : null;
}
