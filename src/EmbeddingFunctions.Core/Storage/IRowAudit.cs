
namespace EmbeddingFunctions.Storage;

/// <summary>Finds rows whose text is another than the one that their vector is of, which no trigger noted.</summary>
internal interface IRowAudit
{
    /// <summary>Makes them pending.</summary>
    Task<AuditedRows> Repair(ResolvedTable table, CancellationToken cancellation);
}

/// <param name="Found">Rows with a vector of another text.</param>
/// <param name="Refused">Those of them that were to be made pending, and that the database does not let be written, as a trigger of theirs
/// may.</param>
internal readonly record struct AuditedRows(long Found, long Refused);
