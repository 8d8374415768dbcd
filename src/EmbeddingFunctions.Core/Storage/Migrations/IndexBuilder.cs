using EmbeddingFunctions.Corpora;
using Npgsql;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>Builds an index without blocking its table's writers.</summary>
/// <remarks>Only one process may be at it, see <see cref="MigrationTurn"/>.</remarks>
internal sealed class IndexBuilder(NpgsqlDataSource database)
{
    private const int Tries = 5;

    // Of Postgres 17.
    private const string TransactionTimeout = "25P04";

    /// <param name="part">The index.</param>
    /// <param name="isPartitioned">Whether its table is: Postgres builds the indexes of a partitioned table's parts only all at
    /// once.</param>
    public async Task Build(Part part, bool isPartitioned, Action<string>? progress, CancellationToken cancellation)
    {
        var concurrently = isPartitioned ? "" : "CONCURRENTLY";
        progress?.Invoke($"building the index {part.Name}");
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                // A process that died in the middle leaves an index behind that has the name, and is of no use.
                await Run($"DROP INDEX {concurrently} IF EXISTS {Sql.Identifier(part.Schema)}.{Sql.Identifier(part.Name)}", cancellation);
                await Run($"CREATE {(part.IsUnique ? "UNIQUE" : "")} INDEX {concurrently} {part.Statement}", cancellation);
                return;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.DeadlockDetected && attempt < Tries)
            {
                // Another changed the table at that moment.
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.QueryCanceled or TransactionTimeout)
            {
                throw new CorpusException(
                    $"The index {part.Name} could not be built: {e.MessageText}. Lift statement_timeout and transaction_timeout for this "
                        + "user, then migrate again.");
            }
        }
    }

    private Task Run(string sql, CancellationToken cancellation) => database.ExecuteAsync(Sql.Raw(sql), cancellation, Sql.NoTimeout);
}
