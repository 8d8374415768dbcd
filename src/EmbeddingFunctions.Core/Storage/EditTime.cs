using System.Globalization;

namespace EmbeddingFunctions.Storage;

/// <summary>
/// The time of an edit, which takes the place of a row's rule until the row is decided on again: <c>@</c> and milliseconds since 1970 by
/// the database's clock. It costs the writer nothing, as the rule is taken away anyway.
/// </summary>
internal static class EditTime
{
    private const char Mark = '@';

    /// <summary>What a trigger writes; of an edit that waits already, its time.</summary>
    /// <param name="before">The row's rule before.</param>
    public static SqlText Of(SqlText before) => First(before, From(Sql.Of($"pg_catalog.clock_timestamp()")));

    /// <summary>The time of an edit that waits already, or that of another.</summary>
    public static SqlText First(SqlText before, SqlText edit) => $"CASE WHEN {Is(before)} THEN {before} ELSE {edit} END";

    /// <summary>A moment as the row has it.</summary>
    public static SqlText From(SqlText moment) => $"'@' || (EXTRACT(epoch FROM {moment}) * 1000)::bigint";

    /// <summary>Whether a rule is the time of an edit.</summary>
    public static SqlText Is(SqlText rule) => $"{rule} LIKE '@%'";

    /// <summary>The moment; null: the rule is none.</summary>
    public static SqlText In(SqlText rule) =>
        $"CASE WHEN {Is(rule)} THEN pg_catalog.to_timestamp(pg_catalog.substr({rule}, 2)::double precision / 1000) END";

    /// <inheritdoc cref="In(SqlText)"/>
    public static DateTimeOffset? In(string? rule) =>
        rule is [Mark, .. var digits] && long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds)
            ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds) : null;
}
