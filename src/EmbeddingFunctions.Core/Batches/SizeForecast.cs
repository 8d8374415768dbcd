namespace EmbeddingFunctions.Batches;

/// <summary>
/// The sizes that a run's batches of one kind will have where none is declared, if larger ones embed more items a second: they do where a
/// request takes about as long whatever it holds.
/// </summary>
/// <param name="size">What a batch has at most at first.</param>
/// <param name="most">What it does not grow beyond.</param>
/// <param name="found">Items that are pending.</param>
/// <param name="page">Items that are planned at a time, or as many as may be in flight.</param>
/// <param name="concurrency">Batches in flight.</param>
internal sealed class SizeForecast(int size, int most, int found, int page, int concurrency)
{
    private int _inPage;
    private int _next;
    private int _trials;

    /// <summary>Items of the next batch.</summary>
    public int Next
    {
        get
        {
            if (_inPage <= 0)
            {
                _inPage = Math.Min(found, Math.Max(page, size * concurrency));
                _next = BatchSizes.Divided(size, _inPage, concurrency);
            }

            return _next;
        }
    }

    /// <param name="items">Of a batch, which may have fewer than it could.</param>
    public void Take(int items)
    {
        (_inPage, found) = (_inPage - items, found - items);
        if (items >= BatchSize.Full * size && ++_trials == BatchSize.Trials)
        {
            (_trials, size) = (0, Math.Max(size, Math.Min(2 * size, most)));
        }
    }
}
