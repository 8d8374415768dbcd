using System.Runtime.CompilerServices;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Adoption;

/// <summary>
/// Takes over vectors that another program made of the texts of a corpus, so that they need not be made again. All are looked at before any
/// is written, a page at a time: first the items with their texts, then the vectors, so that none is of an older text than was read.
/// </summary>
internal sealed class Adopter
{
    private const int Lanes = 4;

    private static readonly TimeSpan _betweenReports = TimeSpan.FromSeconds(5);

    private readonly NpgsqlDataSource _database;
    private readonly ResolvedCorpora _corpora;
    private readonly SourceSweep _sweep;
    private readonly CachingTextEmbedder _embedder;
    private readonly EmbeddingSettings _settings;
    private readonly AdoptionRecords _records;

    public Adopter(
        NpgsqlDataSource database, ResolvedCorpora corpora, SourceSweep sweep, CachingTextEmbedder embedder, EmbeddingSettings settings,
        AdoptionRecords records) =>
        (_database, _corpora, _sweep, _embedder, _settings, _records) = (database, corpora, sweep, embedder, settings, records);

    /// <summary>Looks at all items and their vectors, embeds a sample, and writes nothing.</summary>
    /// <param name="request">What to adopt.</param>
    /// <param name="progress">Receives a line about what takes time.</param>
    /// <param name="cancellation">Ends the looking.</param>
    /// <exception cref="CorpusException">The request does not fit the corpus, the database or the source.</exception>
    /// <exception cref="Providers.ProviderException">The sample cannot be embedded.</exception>
    public async Task<AdoptionPlan> Examine(AdoptionRequest request, Action<string>? progress, CancellationToken cancellation)
    {
        var corpus = await _corpora.Get(request.Corpus, cancellation);
        if (request.Model != corpus.Model)
        {
            throw new InvalidCorpusException(
                $"The model of the corpus '{corpus.Corpus.Name}' is '{corpus.Model}', and vectors of '{request.Model}' cannot be compared "
                    + "with its own: declare that model and migrate, or let the corpus embed again.");
        }

        _settings.EnsureEnabled();
        var table = TableOf(corpus, request);
        await _sweep.Sweep(corpus, cancellation);
        var source = await AdoptionSource.Find(request, _database, table, cancellation);
        var adoption = await _records.Begin(corpus, table, source, cancellation);
        var (leftOut, meter) = (new LeftOutTally(), new RequestMeter(new RequestOrigin(corpus.Corpus.Name)));
        var sample = new SampleCheck(_embedder, corpus, table, request.Sample);
        await new AdoptableItems(_database, corpus, table).Count(leftOut, cancellation);
        var (items, reported) = (0L, TimeProvider.System.GetTimestamp());
        await foreach (var page in Pages(adoption, leftOut, cancellation))
        {
            items += page.Count;
            page.ForEach(sample.Offer);
            reported = Report(progress, $"{items:N0} vectors are looked at", reported);
        }

        if (items == 0)
        {
            // One that was stopped behind its last vector is done.
            await _records.Finish(adoption, cancellation);
        }

        var cosines = await sample.Compare(meter, cancellation);
        return new AdoptionPlan(adoption, items, leftOut.Items, cosines, meter.Requests, meter.Tokens);
    }

    /// <summary>Writes the vectors. Stopped at any moment, it goes on when the same adoption is examined and run again.</summary>
    /// <param name="plan">What was looked at, with a sample that is of the corpus's model.</param>
    /// <param name="progress">Receives a line about what takes time.</param>
    /// <param name="cancellation">Ends it between two statements.</param>
    public async Task<AdoptedItems> Adopt(AdoptionPlan plan, Action<string>? progress, CancellationToken cancellation)
    {
        var adoption = plan.Adoption;
        await _sweep.Sweep(adoption.Corpus, cancellation);
        await _records.Record(adoption, cancellation);
        var (leftOut, items) = (new LeftOutTally(), new AdoptableItems(_database, adoption.Corpus, adoption.Table));
        await items.Count(leftOut, cancellation);
        var write = await AdoptionWrite.To(_database, items, adoption, cancellation);
        var (adopted, reported) = (0L, TimeProvider.System.GetTimestamp());
        var lanes = new ParallelOptions { MaxDegreeOfParallelism = Lanes, CancellationToken = cancellation };
        // The next page is read while others are written.
        await Parallel.ForEachAsync(Pages(adoption, leftOut, cancellation), lanes, async (page, stopped) =>
        {
            var now = Interlocked.Add(ref adopted, await write.Write(page, leftOut, stopped));
            reported = Report(progress, $"{now:N0} of {plan.Items:N0} vectors are adopted", reported);
        });
        await _records.Finish(adoption, cancellation);
        return new AdoptedItems(adopted, leftOut.Items);
    }

    private static ResolvedTable TableOf(ResolvedCorpus corpus, AdoptionRequest request)
    {
        if (request.Kind is not null)
        {
            corpus.Corpus.TableOf(request.Kind);
            return corpus.TableOf(request.Kind);
        }

        bool IsItsOwn(ResolvedTable table) => request.Database is null
            && request.From.Table is var name && (name == table.Name || name == $"{table.Schema}.{table.Name}");
        return corpus.Tables is [var only] ? only
            : corpus.Tables.Where(IsItsOwn).ToList() is [var own] ? own
            : throw new InvalidCorpusException(
                $"Say whose vectors they are, --kind {string.Join(" or ", corpus.Tables.Select(table => table.Kind))}.");
    }

    private async IAsyncEnumerable<List<Candidate>> Pages(
        StartedAdoption adoption, LeftOutTally leftOut, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var items = new AdoptableItems(_database, adoption.Corpus, adoption.Table);
        var next = items.Page(last: null, adoption.Snapshot, cancellation);
        try
        {
            while (await next is { Count: > 0 } page)
            {
                // The next texts are read while this page's vectors are.
                next = items.Page(page[^1].Id, adoption.Snapshot, cancellation);
                var rows = await adoption.Source.Read(page.ConvertAll(item => item.Id), cancellation);
                var candidates = new List<Candidate>();
                for (var i = 0; i < page.Count; i++)
                {
                    var (candidate, reason) = Candidate.Of(page[i], rows[i], adoption.Table, adoption.Corpus.Corpus.Dimensions);
                    if (candidate is not null)
                    {
                        candidates.Add(candidate);
                    }
                    else
                    {
                        leftOut.Add(reason, page[i].Id);
                    }
                }

                yield return candidates;
            }
        }
        finally
        {
            // Whatever becomes of it, nothing of it is left when the caller has stopped.
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static long Report(Action<string>? progress, string line, long reported)
    {
        if (TimeProvider.System.GetElapsedTime(reported) < _betweenReports)
        {
            return reported;
        }

        progress?.Invoke(line);
        return TimeProvider.System.GetTimestamp();
    }
}

/// <summary>What an adoption would do.</summary>
/// <param name="Items">How many items would get the vector that is there.</param>
/// <param name="LeftOut">The corpus's other items, by reason.</param>
/// <param name="Cosines">How alike a sample is to the corpus's own vectors; null without items.</param>
/// <param name="Requests">What the sample cost.</param>
internal sealed record AdoptionPlan(
    StartedAdoption Adoption, long Items, IReadOnlyList<LeftOutItems> LeftOut, CosineDistribution? Cosines, int Requests, long Tokens);

/// <summary>What an adoption did.</summary>
/// <param name="LeftOut">The corpus's other items, by reason: among them those that it had adopted before it was stopped.</param>
internal sealed record AdoptedItems(long Items, IReadOnlyList<LeftOutItems> LeftOut);
