using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Schema;

/// <summary>Views that take the place of earlier ones.</summary>
internal static class Views
{
    public const string Create = "CREATE OR REPLACE VIEW";

    /// <summary>
    /// Within a transaction. What others built on the earlier view stays, unless the columns differ; then it is made again, with its rights
    /// and its owner.
    /// </summary>
    /// <param name="connection">The transaction's.</param>
    /// <param name="sql">The statement, with <c>WITH (security_invoker …</c> behind the name.</param>
    /// <param name="cancellation">Ends it.</param>
    public static async Task Put(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        await connection.RunScriptAsync("SAVEPOINT view", cancellation);
        try
        {
            await connection.RunScriptAsync(sql, cancellation);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InvalidTableDefinition)
        {
            await connection.RunScriptAsync("ROLLBACK TO SAVEPOINT view", cancellation);
            var name = sql[Create.Length..sql.IndexOf(" WITH (security_invoker", StringComparison.Ordinal)].Trim();
            var rights = await connection.ScalarAsync<string[]>(Rights.OfView(name), cancellation) ?? [];
            foreach (var statement in (IEnumerable<string>)[$"DROP VIEW {name}", sql, .. rights])
            {
                await connection.RunScriptAsync(statement, cancellation);
            }
        }
    }
}
