namespace EmbeddingFunctions.Storage;

/// <summary>Finds rows whose text changed after their vector was made although no trigger recorded the edit.</summary>
internal interface IRowAudit
{
    /// <summary>Makes them pending.</summary>
    Task<AuditedRows> Repair(ResolvedTable table, CancellationToken cancellation);
}

/// <param name="Found">Rows whose vector is not what their text and rule call for.</param>
/// <param name="Refused">Rows found that could not be marked pending, for example because a trigger rejects it.</param>
internal readonly record struct AuditedRows(long Found, long Refused)
{
    /// <summary>The rows found, by what is wrong with them.</summary>
    public IReadOnlyDictionary<RowProblem, long> Problems { get; init; } = new Dictionary<RowProblem, long>();
}

/// <summary>What is wrong with a row's vector.</summary>
internal enum RowProblem
{
    /// <summary>It was made, or the row was failed or ignored, for another text than the row's.</summary>
    OtherText,

    /// <summary>The row counts as embedded and has none.</summary>
    NoVector,

    /// <summary>Nothing says of which model it is, or that it was made for the row.</summary>
    NoProvenance,

    /// <summary>It has another number of dimensions than declared.</summary>
    OtherWidth,

    /// <summary>It is zero, or holds NaN or infinity: searches cannot find it.</summary>
    Unusable,

    /// <summary>It is longer or shorter than 1, as the model's others are not.</summary>
    OtherLength,
}
