using System.Collections.Concurrent;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Batches;

/// <summary>
/// Chooses how many items a batch has where the corpus does not declare it: twice as many as long as that embeds more items a second, half
/// as many after a time-out or an overload, and never more than fit into one request.
/// </summary>
internal sealed class BatchSizes(RequestPacker packer, TimeProvider time)
{
    /// <summary>What batches begin with, and what small amounts of work are not divided below.</summary>
    public const int First = 64, Least = 20;

    private readonly ConcurrentDictionary<(string Corpus, string Kind), BatchSize> _sizes = new();

    /// <returns>How many items the next batches of a kind should have.</returns>
    public int Of(Corpus corpus, string kind) => corpus.BatchSize ?? Math.Min(SizeOf(corpus, kind).Next, Fitting(corpus, kind));

    /// <returns>The same where little work is divided among all batches that may be in flight.</returns>
    public int Of(Corpus corpus, string kind, int found, int concurrency) => Divided(Of(corpus, kind), found, concurrency);

    /// <returns>What a run over items of a kind, of which so many were found, will probably choose where none is declared.</returns>
    public SizeForecast Forecast(Corpus corpus, string kind, int found, int concurrency) => new(
        Of(corpus, kind), SizeOf(corpus, kind).IsSettled(time.GetUtcNow()) ? 0 : Fitting(corpus, kind), found, corpus.PageSize,
        concurrency);

    internal static int Divided(int size, int found, int concurrency) => Math.Min(size, Math.Max(Least, (found / concurrency) + 1));

    /// <summary>Learns from a batch.</summary>
    /// <param name="corpus">Whose batch it is.</param>
    /// <param name="kind">Of its items.</param>
    /// <param name="batch">How many items it had, and how long they took.</param>
    public void Record(Corpus corpus, string kind, BatchTime batch)
    {
        if (corpus.BatchSize is null)
        {
            SizeOf(corpus, kind).Record(batch, Fitting(corpus, kind), time.GetUtcNow());
        }
    }

    private BatchSize SizeOf(Corpus corpus, string kind) => _sizes.GetOrAdd((corpus.Name, kind), _ => new BatchSize());

    private int Fitting(Corpus corpus, string kind)
    {
        var size = SizeOf(corpus, kind);
        return Math.Min(RequestPacker.MaxInputs, packer.Items(size.InputsPerItem, size.TokensPerItem));
    }
}

/// <param name="Items">That it held.</param>
/// <param name="Inputs">Texts that they had.</param>
/// <param name="Tokens">That were paid for them; 0: nothing was asked for.</param>
/// <param name="Elapsed">From the end of the claim to the commit.</param>
/// <param name="WasTooMuch">Whether the provider took too long or was overloaded.</param>
internal readonly record struct BatchTime(int Items, int Inputs, long Tokens, TimeSpan Elapsed, bool WasTooMuch);

/// <summary>The size of the batches of one kind, by what they have shown.</summary>
internal sealed class BatchSize
{
    /// <summary>Batches of one size, before it is judged.</summary>
    public const int Trials = 8;

    /// <summary>How full a batch is that counts as one of its size.</summary>
    public const double Full = 0.8;

    private const double Better = 1.1;

    // What was best may change with the provider's load.
    private static readonly TimeSpan _lookAgain = TimeSpan.FromMinutes(2);

    private readonly Lock _lock = new();
    private int _size = BatchSizes.First;
    private int _best = BatchSizes.First;
    private double _bestRate;
    private DateTimeOffset _settledUntil;
    private (int Batches, long Items, double Seconds) _trial;

    /// <summary>Items of the next batch, as far as a request has room.</summary>
    public int Next
    {
        get
        {
            lock (_lock)
            {
                return _size;
            }
        }
    }

    /// <summary>Texts of an item, on average.</summary>
    public double InputsPerItem { get; private set; } = 1;

    /// <summary>Tokens of an item, on average.</summary>
    public double TokensPerItem { get; private set; } = 1;

    /// <summary>Whether it stays as it is for now.</summary>
    public bool IsSettled(DateTimeOffset now) => now < _settledUntil;

    /// <param name="batch">One that ended.</param>
    /// <param name="most">Items that fit into a request.</param>
    /// <param name="now">The time.</param>
    public void Record(BatchTime batch, int most, DateTimeOffset now)
    {
        lock (_lock)
        {
            Measure(batch);
            if (batch.WasTooMuch)
            {
                Settle(Math.Max(1, Math.Min(_size, batch.Items) / 2), now);
            }
            else if (now >= _settledUntil && batch.Items >= Full * Math.Min(_size, most) && batch.Items <= _size)
            {
                _trial = (_trial.Batches + 1, _trial.Items + batch.Items, _trial.Seconds + batch.Elapsed.TotalSeconds);
                if (_trial.Batches >= Trials)
                {
                    Judge(_trial.Items / Math.Max(1e-6, _trial.Seconds), most, now);
                }
            }
        }
    }

    private void Judge(double rate, int most, DateTimeOffset now)
    {
        _trial = default;
        if (rate < Better * _bestRate)
        {
            Settle(_best, now);
        }
        else if (_size >= most)
        {
            Settle(_size, now);
        }
        else
        {
            (_best, _bestRate, _size) = (_size, rate, Math.Min(2 * _size, RequestPacker.MaxInputs));
        }
    }

    private void Settle(int size, DateTimeOffset now) =>
        (_size, _best, _bestRate, _trial, _settledUntil) = (size, size, 0, default, now + _lookAgain);

    private void Measure(BatchTime batch)
    {
        const double Weight = 0.2;
        if (batch is { Items: > 0, Tokens: > 0 })
        {
            InputsPerItem += Weight * (Math.Max(1, (double)batch.Inputs / batch.Items) - InputsPerItem);
            var tokens = Math.Max(1, (double)batch.Tokens / batch.Items);
            TokensPerItem += (TokensPerItem <= 1 ? 1 : Weight) * (tokens - TokensPerItem);
        }
    }
}
