using System.Diagnostics;

namespace EmbeddingFunctions.Testing;

/// <summary>What came in and what was paid for.</summary>
internal sealed class RequestAudit(FakeOpenAiOptions options)
{
    private readonly Lock _lock = new();
    private readonly List<FakeRequest> _requests = [];
    private readonly Dictionary<(string Model, int Dimensions, TextHash Text), int> _paid = [];
    private readonly Dictionary<TextHash, string> _texts = [];
    private int _inFlight;

    public Tally Arrivals { get; } = new();

    public int MaxInFlight { get; private set; }

    public long PaidInputCount { get; private set; }

    public long DuplicatePaidInputs
    {
        get
        {
            lock (_lock)
                return PaidInputCount - _paid.Count;
        }
    }

    public FakeRequest[] Snapshot()
    {
        lock (_lock)
            return [.. _requests];
    }

    public Dictionary<string, int> PaidInputs()
    {
        var paid = new Dictionary<string, int>();
        lock (_lock)
        {
            foreach (var ((_, _, hash), times) in _paid)
            {
                var text = _texts.GetValueOrDefault(hash) ?? hash.ToString();
                paid[text] = paid.GetValueOrDefault(text) + times;
            }
        }

        return paid;
    }

    public ArrivedRequest Arrive(EmbeddingsRequest sent)
    {
        lock (_lock)
        {
            _inFlight++;
            MaxInFlight = Math.Max(MaxInFlight, _inFlight);
            var entry = new FakeRequest
            {
                Number = _requests.Count + 1,
                ArrivedAt = options.TimeProvider.GetUtcNow(),
                Timestamp = Stopwatch.GetTimestamp(),
                Texts = options.KeepTexts ? sent.Texts : [],
                Hashes = sent.Hashes,
                InputCount = sent.Texts.Count,
                Tokens = sent.Tokens,
                Model = sent.Model,
                Dimensions = Contract.Dimensions(sent, options),
                WorkerId = sent.WorkerId,
                InFlight = _inFlight,
            };
            _requests.Add(entry);
            return new ArrivedRequest(sent, entry);
        }
    }

    public void Pay(ArrivedRequest request) => Pay(request.Sent, request.Entry.Dimensions);

    public void Pay(EmbeddingsRequest sent, int dimensions)
    {
        lock (_lock)
        {
            for (var i = 0; i < sent.Hashes.Count; i++)
            {
                var hash = sent.Hashes[i];
                var key = (sent.Model, dimensions, hash);
                _paid[key] = _paid.GetValueOrDefault(key) + 1;
                if (options.KeepTexts)
                    _texts[hash] = sent.Texts[i];
            }

            PaidInputCount += sent.Hashes.Count;
        }
    }

    public void MeetFault(int number, string fault) => Change(number, entry => entry with { Fault = fault });

    public void Answer(int number, int status) => Change(number, entry => entry with { Status = status });

    public void Leave()
    {
        lock (_lock)
            _inFlight--;
    }

    private void Change(int number, Func<FakeRequest, FakeRequest> change)
    {
        lock (_lock)
            _requests[number - 1] = change(_requests[number - 1]);
    }
}
