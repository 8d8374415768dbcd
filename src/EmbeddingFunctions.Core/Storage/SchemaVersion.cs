using EmbeddingFunctions.Corpora;
using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>
/// The versions of the engine's schema on which this program runs. A host of an older version goes on while a newer program migrates, and a
/// newer program runs before the migration, as long as the ranges allow it.
/// </summary>
internal sealed class SchemaVersion(NpgsqlDataSource database)
{
    /// <summary>The lowest version that this program runs on.</summary>
    public const int OldestSupported = 1;

    /// <summary>
    /// The lowest version that a program must know to run on <see cref="Current"/>: raised by a script that breaks older ones.
    /// </summary>
    public const int CompatibleWith = 1;

    /// <summary>The version that a migration by this program makes.</summary>
    public const int Current = 1;

    /// <exception cref="CorpusException">The database is too old or too new for this program, or not for this role.</exception>
    public async Task Ensure(string corpus, CancellationToken cancellation)
    {
        if (await Problem(corpus, cancellation) is { } problem)
        {
            throw new DatabaseNotReadyException(problem) { SuitsAnotherHost = true };
        }
    }

    /// <returns>Whether a newer program migrated the database.</returns>
    public async Task<bool> IsNewer(CancellationToken cancellation) => await Read(cancellation) is { } found && found.Version > Current;

    private async Task<string?> Problem(string corpus, CancellationToken cancellation) => await Read(cancellation) switch
    {
        null => null,
        { Version: < OldestSupported } found =>
            $"The database has version {found.Version} of the schema, and this program needs {OldestSupported} or later: run 'embeddings "
                + $"migrate {corpus}'.",
        { } found when found.CompatibleWith > Current =>
            $"The database was migrated by a newer version of this program (schema {found.Version}; this one knows {Current}): update "
                + "this one.",
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
