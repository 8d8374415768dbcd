using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Bench.Writes;

/// <summary>Batches as they stand before a write: claimed, with a vector for each item.</summary>
internal sealed class ClaimedBatches(BenchDatabase database, int partitions, int batchSize)
{
    private readonly Guid _run = Guid.CreateVersion7();

    public async IAsyncEnumerable<(Claim Claim, IReadOnlyList<ItemOutcome> Outcomes)> Take()
    {
        await database.Execute(
            "INSERT INTO embedding.jobs (id, corpus, kinds) VALUES ($1, $2, $3)", _run, database.Corpus.Name, Array.Empty<string>());
        var corpus = await database.Get<ResolvedCorpora>().Get(database.Corpus.Name, CancellationToken.None);
        for (var partition = 0; partition < partitions; partition++)
        {
            var order = new EmbedBatch(_run, Guid.Empty, database.Corpus.Name, corpus.Tables[0].Kind, $"{partition}", batchSize, null);
            for (var claim = await Claim(corpus, order); claim.Items.Count > 0; claim = await Claim(corpus, order))
            {
                yield return (claim, claim.Items.Select(item => Outcome(claim, item)).ToList());
            }
        }
    }

    private Task<Claim> Claim(ResolvedCorpus corpus, EmbedBatch order) =>
        database.Get<ClaimStore>().Take(corpus, order, CancellationToken.None);

    private static ItemOutcome Outcome(Claim claim, ClaimedItem item)
    {
        var rule = claim.Table.Rule;
        return new ItemOutcome(
            item, Batches.Outcome.Embedded, rule.Fingerprint(item.Id), FakeVector.Of(item.Id, rule.Model, rule.Dimensions));
    }
}
