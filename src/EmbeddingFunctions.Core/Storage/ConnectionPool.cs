using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>What the connections of a data source are like.</summary>
internal static class ConnectionPool
{
    /// <summary>Whether it gives one connection at a time, as the embedded Postgres does: then there is none to spare.</summary>
    public static bool HasOneConnection(NpgsqlDataSource database) =>
        new NpgsqlConnectionStringBuilder(database.ConnectionString) is { Pooling: true, MaxPoolSize: 1 };

    /// <returns>Why the engine cannot work over an app's data source.</returns>
    public static IEnumerable<string> Problems(NpgsqlDataSource database)
    {
        var settings = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        if (settings.Multiplexing)
        {
            yield return "The registered NpgsqlDataSource has Multiplexing, over which no transaction and no notification is possible: "
                + "leave it out of the connection string.";
        }

        if (!settings.Pooling)
        {
            yield return "The registered NpgsqlDataSource has Pooling=false, with which each statement would open a connection: leave it "
                + "out of the connection string.";
        }
    }
}
