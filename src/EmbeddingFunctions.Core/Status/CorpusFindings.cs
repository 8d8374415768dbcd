using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Status;

/// <summary>
/// What a migrated corpus's tables lack of that which was made for them, which vectors are of another model, which indexes searches cannot
/// use, and what this process's role may not do.
/// </summary>
internal sealed class CorpusFindings(NpgsqlDataSource database, OtherModels models)
{
    private static SqlText FindPrivileges(ResolvedTable table, string[] columns) =>
        $"""
        SELECT has_table_privilege({table.QuotedName}, 'SELECT'), (
                   SELECT array_agg(a.attname::text) FROM pg_attribute a
                   WHERE  a.attrelid = to_regclass({table.Target.ToString()}) AND a.attname = ANY ({columns}) AND NOT a.attisdropped
                   AND    NOT has_column_privilege(a.attrelid, a.attnum, 'UPDATE')),
               (SELECT rolname FROM pg_roles WHERE rolname = current_user)::text
        """;

    // Triggers before the write run in the order of their names.
    private static SqlText FindLaterTriggers(string noting, ResolvedTable table) =>
        $"""
        SELECT string_agg(tgname::text, ', ' ORDER BY tgname) FROM pg_trigger
        WHERE  tgrelid = {table.QuotedName}::regclass AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 19 = 19
        AND    tgname::text COLLATE "C" > {noting} AND tgname::text !~ '^zzz_embedding_(note_)?edit'
        """;

    // A policy that lets this role see, or change, every row.
    private static SqlText HasOpenPolicies(ResolvedTable table) =>
        $"""
        SELECT NOT row_security_active({table.QuotedName}::regclass) OR (
            SELECT bool_or(p.polcmd IN ('r', '*')) AND bool_or(p.polcmd IN ('w', '*'))
            FROM   pg_policy p
            WHERE  p.polrelid = {table.QuotedName}::regclass AND p.polpermissive AND pg_get_expr(p.polqual, p.polrelid) = 'true'
            AND    EXISTS (SELECT FROM unnest(p.polroles) r WHERE r = 0 OR pg_has_role(r, 'USAGE')))
            IS TRUE AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = {table.QuotedName}::regclass AND NOT p.polpermissive)
        """;

    private readonly Inventory _inventory = new(database);

    /// <summary>A sentence each; none if all is well.</summary>
    public async Task<IReadOnlyList<string>> Of(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        var (findings, hasColumns) = await Examine(corpus, cancellation);
        return [
            .. findings, .. hasColumns ? await models.Findings(corpus, [], cancellation) : [],
            .. await LaterTriggers(corpus, cancellation), .. await new UnusableIndexes(database).Of(corpus, cancellation)];
    }

    /// <summary>Of these the ones that keep a host from its work whatever a person decides.</summary>
    public async Task<IReadOnlyList<string>> Faults(ResolvedCorpus corpus, CancellationToken cancellation) =>
        (await Examine(corpus, cancellation)).Findings;

    /// <summary>Where row security may hide rows from this role, so that counts are of those that it sees.</summary>
    public async Task<IReadOnlyList<string>> Policies(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        var findings = new List<string>();
        foreach (var table in corpus.Tables.DistinctBy(table => table.Table))
        {
            if (!await database.ScalarAsync<bool>(HasOpenPolicies(table), cancellation))
            {
                findings.Add($"row security applies to this role on {table.Name}: it may see, or change, only some of its rows; "
                    + "give the role BYPASSRLS, or policies for SELECT and UPDATE with USING (true)");
            }
        }

        return findings;
    }

    private async Task<IReadOnlyList<string>> LaterTriggers(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        var findings = new List<string>();
        foreach (var table in corpus.Tables.Where(table => !table.IsBeside).DistinctBy(table => table.Target))
        {
            var noting = EditTriggerDdl.Name(table);
            if (await database.ScalarAsync<string>(FindLaterTriggers(noting, table), cancellation) is { } later)
            {
                findings.Add(
                    $"triggers of {table.Name} ({later}) run after the one that notes edits, so a text that they change is not noticed: "
                    + $"rename them, so that they come before {noting}");
            }
        }

        return findings;
    }

    private async Task<(IReadOnlyList<string> Findings, bool HasColumns)> Examine(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        var states = await _inventory.Compare(corpus.Corpus.Name, CorpusDdl.Objects(corpus), cancellation);
        var problems = states.Select(state => state.Problem).OfType<string>().ToList();
        var findings = problems.Count == 0
            ? []
            : new List<string> { $"{string.Join("; ", problems)}: run 'embeddings migrate {corpus.Corpus.Name}'" };
        if (await new ForeignObjects(database).OtherStore(corpus, cancellation) is { } other)
        {
            findings.Add(other.Message);
        }
        else if (problems.Count == 0 && await new DeclarationHistory(database).IsChanged(corpus, cancellation))
        {
            findings.Add(
                $"the declaration changed since the last migration: run 'embeddings migrate {corpus.Corpus.Name}'; its vectors stay");
        }

        return (
            [.. findings, .. await Access(corpus, cancellation)],
            states.All(state => state.Wanted.Kind is not (ObjectKind.Column or ObjectKind.Table) || state.Live is not null));
    }

    private async Task<IReadOnlyList<string>> Access(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        var findings = new List<string>(await Policies(corpus, cancellation));
        foreach (var table in corpus.Tables.Where(table => table.IsBeside))
        {
            findings.AddRange((await CompanionDdl.Retyped(table, new Catalogue(database), cancellation)).Select(
                column => $"{table.Name}.{column} is of another type now than in {table.Holder.Name}: run 'embeddings migrate "
                    + $"{corpus.Corpus.Name}'"));
        }

        foreach (var table in corpus.Tables.DistinctBy(table => table.Target))
        {
            var columns = table.Own.Of(table.Queue).Select(column => column.Column).Append(table.VectorColumn).ToArray();
            var (mayRead, denied, role) = (await database.QueryAsync(
                FindPrivileges(table, columns),
                row => (row.GetBoolean(0), row.IsDBNull(1) ? null : row.GetFieldValue<string[]>(1), row.GetString(2)),
                cancellation)).Single();
            findings.AddRange(mayRead ? [] : [$"this role may not read {table.Name}: GRANT SELECT ON {table.Table} TO \"{role}\""]);
            findings.AddRange(denied is null ? [] :
                [
                    $"this role may not write {table.Holder.Name}: GRANT UPDATE ({string.Join(", ", denied)}) ON {table.Target} TO "
                        + $"\"{role}\""]);
        }

        return findings;
    }
}
