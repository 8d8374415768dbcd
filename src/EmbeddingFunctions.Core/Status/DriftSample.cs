using EmbeddingFunctions.Adoption;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Status;

/// <summary>Embeds some rows again and compares: a provider that has changed its model without a word shows as drift.</summary>
internal sealed class DriftSample(NpgsqlDataSource database, TextEmbedder embedder)
{
    private const int Shown = 5;

    /// <returns>How alike the vectors are; null where there is none to compare. A row that is embedded in chunks is left out.</returns>
    /// <exception cref="Providers.ProviderException">The provider gives no vectors.</exception>
    public async Task<CosineDistribution?> Of(
        ResolvedCorpus corpus, ResolvedTable table, int rows, CancellationToken cancellation)
    {
        var stored = await database.QueryAsync(
            $"""
            SELECT {table.Id}::text, {table.Hash}, {table.Vector}::real[], {Sql.Join(", ", table.TextColumns)}
            FROM   {table.Items} t
            WHERE  {table.RuleId} = {Sql.Literal(table.Rule.Id)} AND {table.State} = {Sql.Literal(ItemState.Embedded)}
            AND    {table.Vector} IS NOT NULL{table.Filter} AND NOT {table.IsChanged}
            ORDER  BY random()
            LIMIT  {rows}
            """,
            row => (Id: row.GetString(0), Hash: row.GetString(1), Vector: row.GetFieldValue<float[]>(2),
                Text: ItemText.Of(row.Texts(3, table.Template.Columns.Count), table)), cancellation, Sql.TimeoutOfCounts);
        var works = stored.Where(row => row.Text.Parts.Count == 1 && row.Text.Hash == row.Hash)
            .Select(row => (row.Id, row.Vector, Work: new TextWork(row.Text.Parts[0], table.Rule.Fingerprint(row.Text.Parts[0].Text))))
            .ToList();
        if (works.Count == 0)
        {
            return null;
        }

        // Not from the cache, which has what was paid for before.
        await embedder.Embed(
            works.ConvertAll(row => row.Work), table.Rule, new RequestMeter(new RequestOrigin(corpus.Corpus.Name)), since: null,
            inputs: null, cancellation);
        return CosineDistribution.Of(
            works.Where(row => row.Work.Vector is not null)
                .Select(row => (row.Id, SourceVector.Cosine(row.Work.Vector!.Value.Span, row.Vector))), Shown);
    }
}
