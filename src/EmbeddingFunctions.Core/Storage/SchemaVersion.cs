using EmbeddingFunctions.Corpora;
using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>
/// The versions of the engine's schema on which this program runs. A host of an older version goes on while a newer program migrates, and a
/// newer program runs before the migration, as long as the ranges allow it.
/// </summary>
internal sealed class SchemaVersion(NpgsqlDataSource database, SchemaRange program)
{
    /// <exception cref="DatabaseNotReadyException">The database is too old or too new for this program, or not for this role.</exception>
    public async Task Ensure(string corpus, CancellationToken cancellation)
    {
        if (await Problem(corpus, cancellation) is { } problem)
        {
            throw new DatabaseNotReadyException(problem) { SuitsAnotherHost = true };
        }
    }

    /// <returns>Whether a newer program migrated the database.</returns>
    public async Task<bool> IsNewer(CancellationToken cancellation) =>
        await Read(cancellation) is { } found && found.Version > program.Current;

    private async Task<string?> Problem(string corpus, CancellationToken cancellation) => await Read(cancellation) switch
    {
        null => null,
        { } found when found.Version < program.OldestSupported =>
            $"The database has version {found.Version} of the schema, and this program needs {program.OldestSupported} or later: run "
                + $"'embeddings migrate {corpus}'.",
        { } found when found.CompatibleWith > program.Current =>
            $"The database was migrated by a newer version of this program (schema {found.Version}; this one knows {program.Current}): "
                + "update this one.",
        _ => null,
    };

    private async Task<(int Version, int CompatibleWith)?> Read(CancellationToken cancellation)
    {
        try
        {
            var found = await database.QueryAsync(
                $"SELECT version, compatible_with FROM embedding.installation", row => (row.GetInt32(0), row.GetInt32(1)), cancellation);
            return found.Count == 0 ? null : found[0];
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName)
        {
            return null;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            throw new DatabaseNotReadyException(
                $"This role may not use the schema 'embedding' ({e.MessageText}): run infra/grants.sql for it, or GRANT USAGE ON SCHEMA "
                    + "embedding and rights on its tables.");
        }
    }
}

/// <summary>The versions of the engine's schema that a program knows.</summary>
/// <param name="OldestSupported">The lowest version that the program runs on.</param>
/// <param name="CompatibleWith">
/// The lowest version that another program must know to run on <paramref name="Current"/>: raised by a script that breaks older ones.
/// </param>
/// <param name="Current">The version that a migration by the program makes.</param>
internal sealed record SchemaRange(int OldestSupported, int CompatibleWith, int Current)
{
    public static SchemaRange OfThisProgram { get; } = new(OldestSupported: 1, CompatibleWith: 1, Current: 9);
}
