using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Switching;

/// <summary>
/// Takes a corpus to another model, width, text or chunking without a gap in its search: the next generation of vectors is filled beside
/// the live one, both are kept up to date, and one transaction makes the next one live.
/// </summary>
internal sealed class GenerationSwitch(
    NpgsqlDataSource database, CorpusSet corpora, ResolvedCorpora resolved, Generations generations, Migrator migrator,
    GenerationFlip flip, GenerationRemoval removal, SwitchGate gate, RunQueries runs, PriceTable prices, EmbeddingSettings settings)
{
    /// <summary>
    /// Begins a switch to the declaration at hand: records the next generation and makes its tables. Called again it goes on.
    /// </summary>
    /// <returns>The next generation.</returns>
    /// <exception cref="DatabaseNotReadyException">There is nothing to switch, or the last switch was not finished.</exception>
    /// <exception cref="InvalidCorpusException">The declaration changed in what a switch leaves as it is.</exception>
    public async Task<Corpus> Begin(string name, Action<string>? progress, CancellationToken cancellation)
    {
        var declared = Declared(name);
        await generations.Refresh(cancellation);
        var kept = Kept(name);
        if (kept.Count == 0)
        {
            throw new DatabaseNotReadyException(
                $"'{name}' has no generation yet: run 'embeddings migrate {name}', with the declaration that its vectors were made for.");
        }

        if (await generations.Removed(name, cancellation) is { } removed)
        {
            throw new DatabaseNotReadyException(
                $"The removal of generation {removed} of '{name}' was stopped: say 'embeddings switch {name} --finish' first.");
        }

        var hash = Hash(declared);
        if (kept.FirstOrDefault(corpus => !corpus.Generation!.IsLive && Hash(corpus) == hash) is { } begun)
        {
            return await Make(begun.Name, name, progress, cancellation);
        }

        if (kept.Count > 1)
        {
            throw new DatabaseNotReadyException(
                $"'{name}' has generations {string.Join(" and ", kept.Select(corpus => corpus.Generation!.Number))}, and neither that is "
                    + $"not live is for this declaration: end the last switch with 'embeddings switch {name} --finish' first.");
        }

        var number = kept[0].Generation!.Number + 1;
        var next = declared with { Name = Generation.NameOf(name, number), Generation = new Generation(name, number, IsLive: false) };
        await EnsureSwitchable(next, cancellation);
        await database.ExecuteAsync(Generations.Record(await resolved.Resolve(next, cancellation)), cancellation);
        await generations.Refresh(cancellation);
        return await Make(next.Name, name, progress, cancellation);
    }

    // Who may read or write the vectors of the live generation may do so with the next.
    private async Task<Corpus> Make(string next, string name, Action<string>? progress, CancellationToken cancellation)
    {
        await migrator.Migrate(corpora.Get(next), new MigrationOptions(), progress, cancellation);
        var (from, to) = (
            await resolved.Resolve(corpora.Live(name), cancellation), await resolved.Resolve(corpora.Get(next), cancellation));
        await using var connection = await database.OpenConnectionAsync(cancellation);
        foreach (var grants in Rights.OfGeneration(from, to))
        {
            foreach (var grant in await connection.ScalarAsync<string[]>(grants, cancellation) ?? [])
            {
                await connection.RunScriptAsync(grant, cancellation);
            }
        }

        return corpora.Get(next);
    }

    /// <summary>The declaration at hand by the names of the live generation, for asking what a switch would cost.</summary>
    public async Task<ResolvedCorpus> Declaration(string name, CancellationToken cancellation)
    {
        await generations.Refresh(cancellation);
        var live = corpora.Live(name);
        return await resolved.ResolveRenamed(Declared(name) with { Name = live.Name, Generation = live.Generation }, cancellation);
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
        var kinds = await gate.Look(live, other, isMeasured, cancellation);
        var tokens = await runs.Tokens(other.Corpus.Name, cancellation);
        var state = new SwitchState(
            name, Describe(live, declared), Describe(other, declared), kinds, tokens, prices.Of(other.Model, tokens));
        return !state.IsForward ? state : state with
        {
            Obstacles = [.. SwitchGate.Obstacles(state, isMeasured), .. await flip.Obstacles(live, cancellation)],
        };
    }

    /// <summary>Makes the other generation the live one; a second time, the first one again.</summary>
    /// <exception cref="DatabaseNotReadyException">There is no other one, or something of others keeps it from being flipped.</exception>
    public async Task Flip(string name, Action<string>? progress, CancellationToken cancellation)
    {
        await generations.Refresh(cancellation);
        var kept = Kept(name);
        var next = kept.FirstOrDefault(corpus => !corpus.Generation!.IsLive)
            ?? throw new DatabaseNotReadyException($"'{name}' has one generation only: 'embeddings switch {name}' makes the next.");
        await flip.Run(kept.First(corpus => corpus.Generation!.IsLive), next, progress, cancellation);
        await generations.Refresh(cancellation);
    }

    /// <summary>
    /// Removes the generation that is not live, and all that was made for it; stopped half-way, it goes on when called again.
    /// </summary>
    /// <returns>The removed generation.</returns>
    /// <exception cref="DatabaseNotReadyException">It is the declared one, a run of it is open, or there is none.</exception>
    public async Task<int> Finish(string name, bool isGivenUp, Action<string>? progress, CancellationToken cancellation)
    {
        await generations.Refresh(cancellation);
        if (await generations.Removed(name, cancellation) is not { } number)
        {
            var other = Kept(name).FirstOrDefault(corpus => !corpus.Generation!.IsLive)
                ?? throw new DatabaseNotReadyException($"'{name}' has one generation only: there is nothing to finish.");
            number = other.Generation!.Number;
            if (Hash(other) == Hash(Declared(name)) && !isGivenUp)
            {
                throw new DatabaseNotReadyException(
                    $"Generation {number} of '{name}' is the declared one and not live: flip to it, or give it up with 'embeddings "
                        + $"switch {name} --abandon'.");
            }

            await removal.Begin(other.Name, cancellation);
        }

        await removal.Complete(Generation.NameOf(name, number), progress, cancellation);
        await generations.Refresh(cancellation);
        return number;
    }

    private Corpus Declared(string name) => corpora.Declared.FirstOrDefault(corpus => corpus.Name == name) ?? corpora.Live(name);

    private List<Corpus> Kept(string name) =>
        corpora.All.Where(corpus => corpus.Generation?.Corpus == name).OrderBy(corpus => corpus.Generation!.Number).ToList();

    private string Hash(Corpus corpus) => DeclarationHash.Of(corpus, corpus.Model ?? settings.ModelFor(corpus));

    private async Task EnsureSwitchable(Corpus next, CancellationToken cancellation)
    {
        var live = (await generations.Recorded(next.DeclaredName, cancellation)).Single();
        var (was, now) = (
            await resolved.ResolveRenamed(live, cancellation),
            await resolved.ResolveRenamed(next with { Generation = next.Generation! with { IsLive = true } }, cancellation));
        var rules = await resolved.RulesOf(live.Name, cancellation);
        if (now.Tables.All(table => rules.TryGetValue(table.Kind, out var rule) && rule == table.Rule.Id))
        {
            throw new DatabaseNotReadyException(
                $"'{next.DeclaredName}' is declared as its vectors were made: change its model, dimensions, text or chunks in the "
                    + "declaration first.");
        }

        SwitchRules.Ensure(was, now);
    }

    private GenerationState Describe(ResolvedCorpus corpus, Corpus declared) => new(
        corpus.Corpus.Generation!.Number, corpus.Model, corpus.Corpus.Dimensions, Hash(corpus.Declared) == Hash(declared));
}
