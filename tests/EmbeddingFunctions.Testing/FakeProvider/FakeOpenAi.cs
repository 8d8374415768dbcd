namespace EmbeddingFunctions.Testing;

/// <summary>
/// OpenAI's <c>POST /v1/embeddings</c> over real HTTP on 127.0.0.1: its contract, errors and limits, vectors that are a function
/// of the text (<see cref="FakeVector"/>), scripted faults, and an audit of what arrived and what was paid for.
/// </summary>
public sealed class FakeOpenAi : IAsyncDisposable
{
    internal static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly FakeServices _services;
    private readonly Listener _listener;

    private FakeOpenAi(FakeServices services)
    {
        _services = services;
        _listener = new Listener(services);
    }

    /// <summary>Such as <c>http://127.0.0.1:1234/v1</c>.</summary>
    public string BaseUrl => $"{_listener.Root}/v1";

    /// <summary>
    /// As an Azure OpenAI resource: <c>/openai/deployments/MODEL/embeddings?api-version=…</c>, by <c>api-key</c> or a bearer token.
    /// </summary>
    public string AzureUrl => _listener.Root;

    /// <summary>The key or bearer token demanded; may be changed at any time.</summary>
    public string ApiKey
    {
        get => _services.ApiKey;
        set => _services.ApiKey = value;
    }

    /// <summary>The batch interface.</summary>
    public FakeBatches Batches => _services.Batches;

    /// <summary>TCP connections accepted, also those that never sent a request.</summary>
    public int ConnectionCount => _listener.ConnectionCount;

    public int RequestCount => _services.Audit.Arrivals.Count;

    /// <summary>All requests so far, in order of arrival.</summary>
    public IReadOnlyList<FakeRequest> Requests => _services.Audit.Snapshot();

    public int MaxInFlight => _services.Audit.MaxInFlight;

    /// <summary>
    /// How often each text was embedded: answered 200 with vectors, however distorted or late, or cut off on its way out.
    /// Keyed by the text's SHA-256 in lower-case hex when <see cref="FakeOpenAiOptions.KeepTexts"/> is off.
    /// </summary>
    public IReadOnlyDictionary<string, int> PaidInputs => _services.Audit.PaidInputs();

    /// <summary>Inputs embedded, repeats included.</summary>
    public long PaidInputCount => _services.Audit.PaidInputCount;

    /// <summary>Inputs embedded beyond the first time for the same text, model and dimensions.</summary>
    public long DuplicatePaidInputs => _services.Audit.DuplicatePaidInputs;

    public static async Task<FakeOpenAi> StartAsync(FakeOpenAiOptions? options = null)
    {
        var fake = new FakeOpenAi(new FakeServices(options ?? new FakeOpenAiOptions()));
        await fake._listener.StartAsync();
        return fake;
    }

    /// <summary>Runs as a process of its own until standard input closes; see <see cref="FakeProcess"/> for the arguments.</summary>
    public static Task<int> RunAsync(string[] args) => FakeProcess.RunAsync(args);

    /// <summary>Scripts a fault; the first rule scripted that matches a request decides. Disposing takes the rule back.</summary>
    public IDisposable Script(Requests which, Fault fault) => _services.Script.Add(which, fault);

    public void ClearScript() => _services.Script.Clear();

    /// <summary>
    /// Makes matching requests (all, unless told otherwise) wait from now on; a client that leaves while held is not charged.
    /// </summary>
    public FakeHold Hold(Requests? which = null) => _services.Gate.Hold(which ?? Testing.Requests.All);

    /// <summary>
    /// Waits until <paramref name="count"/> requests have arrived since the start, 30 seconds at most unless told otherwise.
    /// </summary>
    public Task WaitForRequestsAsync(int count, TimeSpan? timeout = null) =>
        _services.Audit.Arrivals.WaitAsync(count, timeout ?? Patience);

    /// <summary>Goes down: open connections are cut and new ones refused, until <see cref="ComeBackAsync"/>.</summary>
    public Task GoDownAsync() => _listener.StopAsync();

    /// <summary>Listens again on the same port, with audit, script and limits as they were.</summary>
    public Task ComeBackAsync() => _listener.StartAsync();

    public async ValueTask DisposeAsync() => await _listener.StopAsync();
}
