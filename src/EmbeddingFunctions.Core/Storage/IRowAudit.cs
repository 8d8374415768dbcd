
namespace EmbeddingFunctions.Storage;

/// <summary>Finds rows whose text changed after their vector was made although no trigger recorded the edit.</summary>
internal interface IRowAudit
{
    /// <summary>Makes them pending.</summary>
    Task<AuditedRows> Repair(ResolvedTable table, CancellationToken cancellation);
}

/// <param name="Found">Rows with a vector of another text.</param>
/// <param name="Refused">Rows found that could not be marked pending, for example because a trigger rejects it.</param>
internal readonly record struct AuditedRows(long Found, long Refused);
