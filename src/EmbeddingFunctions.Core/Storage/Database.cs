using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>Opens a database so that a transaction pooler may stand before it: no session state, nothing prepared, nothing reset.</summary>
public static class Database
{
    /// <param name="connectionString">An Npgsql connection string.</param>
    public static NpgsqlDataSource Open(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            NoResetOnClose = true,
            MaxAutoPrepare = 0,
            Multiplexing = false,
            // What the server says of a failing row repeats the row's text, which is not ours to show.
            IncludeErrorDetail = false,
        };
        settings.ApplicationName ??= "embeddings";
        return NpgsqlDataSource.Create(settings);
    }

    /// <returns>The database's name and server, without user or password.</returns>
    public static string Describe(NpgsqlDataSource database)
    {
        var settings = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        return $"{settings.Database ?? "the user's own database"} on {settings.Host}:{settings.Port}";
    }
}
