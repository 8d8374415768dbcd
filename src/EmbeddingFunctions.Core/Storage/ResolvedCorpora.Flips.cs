using EmbeddingFunctions.Corpora;
using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>What was resolved before a flip, which gives the names of one generation's columns to another.</summary>
internal sealed partial class ResolvedCorpora
{
    private const int Tries = 3;

    // Counts the flips that this process has seen.
    private int _flips;

    /// <summary>
    /// Does work; where a flip gave its names to another generation meanwhile, once more by those of now. If a statement meets tables that
    /// were altered otherwise, they are resolved again next time.
    /// </summary>
    /// <param name="work">The work.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <param name="mayRepeat">Whether it may be done twice.</param>
    /// <exception cref="DatabaseNotReadyException">What of the database no longer fits, instead of the statement that failed.</exception>
    public async Task<T> Fitting<T>(Func<Task<T>> work, CancellationToken cancellation, bool mayRepeat = true)
    {
        for (var attempt = 1; ; attempt++)
        {
            var flips = Volatile.Read(ref _flips);
            try
            {
                return await work();
            }
            catch (PostgresException e) when (DatabaseFaults.IsSchemaMismatch(e) || DatabaseFaults.IsOfAnotherGeneration(e))
            {
                await ForgetFlipped(cancellation);
                if (flips == Volatile.Read(ref _flips) || attempt == Tries)
                {
                    throw await Misfit(e, cancellation);
                }

                if (!mayRepeat)
                {
                    throw new DatabaseNotReadyException("Another generation of the corpus was made live at this moment: try again.");
                }
            }
        }
    }

    /// <summary>Resolves a generation by names that its columns do not have yet.</summary>
    public async Task<ResolvedCorpus> ResolveRenamed(Corpus corpus, CancellationToken cancellation)
    {
        var (placed, tables) = (PlacedGeneration.Of(corpus), await catalogue.Find(Catalogue.TablesOf(corpus), cancellation));
        foreach (var table in placed.Tables.Where(table => corpus.Store == Store.Column && tables.ContainsKey(table.Table)))
        {
            foreach (var column in PlacedGeneration.ColumnsOf(table))
            {
                tables[table.Table].Columns.Remove(column);
            }
        }

        return CorpusResolver.Resolve(corpus, tables, await catalogue.Schemas(cancellation), settings, window);
    }

    private async Task ForgetFlipped(CancellationToken cancellation)
    {
        await generations.Refresh(cancellation);
        foreach (var (name, known) in _resolved)
        {
            var now = corpora.All.FirstOrDefault(corpus => corpus.Name == known.Corpus.Corpus.Name);
            if (now is null || !IsSame(known.Corpus, now))
            {
                _resolved.TryRemove(name, out _);
                Interlocked.Increment(ref _flips);
            }
        }
    }

    private static bool IsSame(ResolvedCorpus known, Corpus declared) =>
        (known.Corpus.Name, known.Corpus.Generation) == (declared.Name, declared.Generation);
}
