namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>Finds rows whose text is another than the one that their vector is of, which no trigger noted.</summary>
internal interface IRowAudit
{
    /// <summary>Makes them pending.</summary>
    /// <returns>How many.</returns>
    Task<long> Repair(BoundTable table, CancellationToken cancellation);
}
