using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Switching;

/// <summary>
/// Takes a corpus to another model, width, text or chunking without a gap in its search: the next generation of vectors is filled beside
/// the live one, both are kept up to date, and one transaction makes the next one live.
/// </summary>
internal sealed class GenerationSwitch(
    NpgsqlDataSource database, CorpusSet corpora, ResolvedCorpora resolved, Generations generations, Migrator migrator,
    CorpusRemoval removal, StatusReport status, RunQueries runs, IndexProbe probe, EmbeddingSettings settings)
{
    private const double LeastRecall = 0.95;
    private const double MostOfLiveP95 = 1.5;

    // Below this a search is as fast as any, and the ratio of two is noise.
    private const double FastEnough = 5;

    /// <summary>
    /// Begins a switch to the declaration at hand: records the next generation and makes its tables. Called again it goes on.
    /// </summary>
    /// <returns>The next generation.</returns>
    /// <exception cref="DatabaseNotReadyException">There is nothing to switch, or the last switch was not finished.</exception>
    /// <exception cref="InvalidCorpusException">The corpus keeps its vectors in the rows' own table.</exception>
    public async Task<Corpus> Begin(string name, Action<string>? progress, CancellationToken cancellation)
    {
        var declared = Declared(name);
        await generations.Refresh(cancellation);
        var kept = Kept(name);
        if (kept.Count == 0)
        {
            throw new DatabaseNotReadyException($"'{name}' has no generation yet: run 'embeddings migrate {name}'.");
        }

        var hash = Hash(declared);
        if (kept.FirstOrDefault(corpus => !corpus.Generation!.IsLive && Hash(corpus) == hash) is { } begun)
        {
            await migrator.Migrate(begun, new MigrationOptions(), progress, cancellation);
            return begun;
        }

        if (kept.Count > 1)
        {
            throw new DatabaseNotReadyException(
                $"'{name}' has generations {string.Join(" and ", kept.Select(corpus => corpus.Generation!.Number))}, and neither that is "
                    + $"not live is for this declaration: end the last switch with 'embeddings switch {name} --finish' first.");
        }

        await EnsureChanged(declared, kept[0], cancellation);
        var number = kept[0].Generation!.Number + 1;
        var next = declared with { Name = Generation.NameOf(name, number), Generation = new Generation(name, number, IsLive: false) };
        await database.ExecuteAsync(Generations.Record(await resolved.Resolve(next, cancellation)), cancellation);
        await generations.Refresh(cancellation);
        await migrator.Migrate(corpora.Get(next.Name), new MigrationOptions(), progress, cancellation);
        return corpora.Get(next.Name);
    }

    /// <summary>How a switch stands; null if the corpus has one generation only.</summary>
    /// <param name="name">The corpus as it is declared.</param>
    /// <param name="isMeasured">Whether recall and speed are measured too, which takes seconds.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task<SwitchState?> State(string name, bool isMeasured, CancellationToken cancellation)
    {
        var declared = Declared(name);
        await generations.Refresh(cancellation);
        var kept = Kept(name);
        if (kept.Count < 2)
        {
            return null;
        }

        var (live, other) = (
            await resolved.Get(kept.First(corpus => corpus.Generation!.IsLive).Name, cancellation),
            await resolved.Get(kept.First(corpus => !corpus.Generation!.IsLive).Name, cancellation));
        var kinds = new List<SwitchedKind>();
        foreach (var kind in (await status.Of(other.Corpus.Name, cancellation)).Kinds)
        {
            var counted = new SwitchedKind(
                kind.Kind, kind.Total, kind.Embedded + kind.Empty + kind.Ignored, kind.Failed,
                await Behind(live, other, kind.Kind, cancellation));
            kinds.Add(isMeasured ? await Measured(counted, live, other, cancellation) : counted);
        }

        var tokens = await runs.Tokens(other.Corpus.Name, cancellation);
        var state = new SwitchState(
            name, Describe(live, declared), Describe(other, declared), kinds, tokens, Price.Of(other.Model, tokens));
        return state.IsForward ? state with { Obstacles = Obstacles(state, isMeasured).ToList() } : state;
    }

    /// <summary>Makes the other generation the live one; a second time, the first one again.</summary>
    /// <exception cref="DatabaseNotReadyException">There is no other one.</exception>
    public async Task Flip(string name, CancellationToken cancellation)
    {
        var kept = Kept(name);
        var other = kept.FirstOrDefault(corpus => !corpus.Generation!.IsLive)
            ?? throw new DatabaseNotReadyException($"'{name}' has one generation only: 'embeddings switch {name}' makes the next.");
        var live = kept.First(corpus => corpus.Generation!.IsLive);
        var flipped = await resolved.Resolve(
            other with { Generation = other.Generation! with { IsLive = true } }, cancellation);
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await connection.ExecuteAsync(
            $"""
            UPDATE embedding.generations SET is_live = false WHERE name = {live.Name} AND is_live
            """,
            cancellation);
        if (await connection.ExecuteAsync(
            $"""
            UPDATE embedding.generations SET is_live = true, live_since = now() WHERE name = {other.Name} AND NOT is_live
            """,
            cancellation) != 1)
        {
            throw new DatabaseNotReadyException($"'{name}' was flipped by another process at this moment: look how it stands.");
        }

        foreach (var view in CorpusDdl.LiveViews(flipped))
        {
            await connection.RunScriptAsync(
                string.Join(";\n", [view.Statement, Inventory.Forget(view.Key), .. Inventory.Record(view, other.Name, isMade: true)]),
                cancellation);
        }

        await transaction.CommitAsync(cancellation);
        await generations.Refresh(cancellation);
    }

    /// <summary>Removes the generation that is not live, and all that was made for it.</summary>
    /// <returns>The removed generation.</returns>
    /// <exception cref="DatabaseNotReadyException">It is the declared one, or there is none.</exception>
    public async Task<int> Finish(string name, bool isGivenUp, Action<string>? progress, CancellationToken cancellation)
    {
        var state = await State(name, isMeasured: false, cancellation)
            ?? throw new DatabaseNotReadyException($"'{name}' has one generation only: there is nothing to finish.");
        if (state.IsForward && !isGivenUp)
        {
            throw new DatabaseNotReadyException(
                $"Generation {state.Other.Number} of '{name}' is the declared one and not live: flip to it, or give it up with 'embeddings "
                    + $"switch {name} --abandon'.");
        }

        var removed = Generation.NameOf(name, state.Other.Number);
        await removal.Remove(removed, progress, cancellation);
        resolved.Forget(removed);
        await generations.Refresh(cancellation);
        return state.Other.Number;
    }

    private Corpus Declared(string name)
    {
        var declared = corpora.Declared.FirstOrDefault(corpus => corpus.Name == name) ?? corpora.Live(name);
        return declared.Store == Store.Table ? declared : throw new InvalidCorpusException(
            $"'{name}' keeps its vectors in columns of its tables, where one model's vectors have a place at a time: declare "
                + "\"store\": \"table\" to switch models beside the living ones.");
    }

    private List<Corpus> Kept(string name) =>
        corpora.All.Where(corpus => corpus.Generation?.Corpus == name).OrderBy(corpus => corpus.Generation!.Number).ToList();

    private string Hash(Corpus corpus) => DeclarationHash.Of(corpus, corpus.Model ?? settings.ModelFor(corpus));

    // A single generation takes the declaration at hand, so that its rules are those of the database.
    private async Task EnsureChanged(Corpus declared, Corpus live, CancellationToken cancellation)
    {
        var now = await resolved.Resolve(declared with { Name = live.Name, Generation = live.Generation }, cancellation);
        var rules = await resolved.RulesOf(live.Name, cancellation);
        if (now.Tables.All(table => rules.TryGetValue(table.Kind, out var rule) && rule == table.Rule.Id))
        {
            throw new DatabaseNotReadyException(
                $"'{declared.Name}' is declared as its vectors were made: change its model, dimensions, text or chunks in the declaration "
                    + "first.");
        }
    }

    private async Task<long> Behind(ResolvedCorpus live, ResolvedCorpus other, string kind, CancellationToken cancellation)
    {
        var (next, now) = (other.TableOf(kind).WithRow("n."), live.Tables.FirstOrDefault(table => table.Kind == kind)?.WithRow("l."));
        var isCurrent = now is null ? Sql.Empty : Sql.Of(
            $"""
            AND    NOT EXISTS (
                SELECT FROM {now.Target} l
                WHERE  {CompanionTable.SameKey(next, Sql.Of($"l."), Sql.Of($"n."))} AND COALESCE({now.Pending}, false))
            """);
        return await database.ScalarAsync<long>(
            $"""
            SELECT count(*) FROM {next.Target} n
            WHERE  {next.Pending} {isCurrent}
            AND    NOT EXISTS (
                SELECT FROM embedding.claims c
                WHERE  c.corpus = {other.Corpus.Name} AND c.kind = {kind} AND c.item_id = {next.Id}::text AND c.reason IS NOT NULL)
            """,
            cancellation, Sql.TimeoutOfCounts);
    }

    private GenerationState Describe(ResolvedCorpus corpus, Corpus declared) => new(
        corpus.Corpus.Generation!.Number, corpus.Model, corpus.Corpus.Dimensions, Hash(corpus.Corpus) == Hash(declared));

    private async Task<SwitchedKind> Measured(
        SwitchedKind kind, ResolvedCorpus live, ResolvedCorpus other, CancellationToken cancellation)
    {
        var quality = await probe.Measure(other.TableOf(kind.Kind), cancellation);
        if (live.Tables.FirstOrDefault(table => table.Kind == kind.Kind) is not { } old)
        {
            return kind with { Recall = quality?.Recall, P95 = quality?.P95 };
        }

        return kind with
        {
            Recall = quality?.Recall,
            P95 = quality?.P95,
            LiveP95 = (await probe.Measure(old, cancellation))?.P95,
            Overlap = await probe.Overlap(old, other.TableOf(kind.Kind), cancellation),
        };
    }

    private static IEnumerable<string> Obstacles(SwitchState state, bool isMeasured)
    {
        foreach (var kind in state.Kinds)
        {
            if (kind.Behind > 0)
            {
                yield return $"{kind.Behind:N0} of {kind.Total:N0} {kind.Kind} wait for their vector";
            }

            if (isMeasured && kind.Recall < LeastRecall)
            {
                yield return $"the index finds {kind.Recall:P1} of the true neighbours of {kind.Kind}, and {LeastRecall:P0} are wanted";
            }

            if (kind is { P95: { } next, LiveP95: { } live } && next > FastEnough && next > MostOfLiveP95 * live)
            {
                yield return $"a search of {kind.Kind} takes {next:N1} ms where the live index takes {live:N1}";
            }
        }
    }
}
