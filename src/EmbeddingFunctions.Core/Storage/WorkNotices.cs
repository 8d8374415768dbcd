using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>Listens for the triggers' notifications on a connection of its own, so that no batch waits for it.</summary>
internal sealed class WorkNotices(NpgsqlDataSource database)
{
    public const string Channel = "embedding_work";

    // A connection that is gone without a word is noticed by then.
    private const int PingSeconds = 15;

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(3);

    /// <summary>Listens until the connection breaks, which is an exception.</summary>
    /// <param name="ready">From now on nothing is missed.</param>
    /// <param name="heard">Receives the name of the corpus.</param>
    /// <param name="cancellation">Ends the listening.</param>
    /// <returns>
    /// False, within seconds: this database delivers no notifications, because a transaction pooler is in front of it or it has one
    /// connection.
    /// </returns>
    public async Task<bool> Hear(Action ready, Action<string> heard, CancellationToken cancellation)
    {
        if (ConnectionPool.HasOneConnection(database))
        {
            return false;
        }

        await using var connection = await Open(cancellation);
        connection.Notification += (_, notice) => heard(notice.Payload);
        if (!await CarriesNotices(connection, cancellation))
        {
            // The session is probably a pooler's, and most likely the same one again.
            await connection.ExecuteAsync($"UNLISTEN {Sql.Identifier(Channel)}", cancellation);
            return false;
        }

        ready();
        while (true)
        {
            await connection.WaitAsync(cancellation);
        }
    }

    // A clone has the password, or asks for a token, as the pool's connections do.
    private async Task<NpgsqlConnection> Open(CancellationToken cancellation)
    {
        var settings = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Pooling = false, KeepAlive = PingSeconds };
        settings.ApplicationName += " listener";
        await using var pooled = database.CreateConnection();
        var connection = await pooled.CloneWithAsync(settings.ConnectionString, cancellation);
        try
        {
            await connection.OpenAsync(cancellation);
            await connection.ExecuteAsync($"LISTEN {Sql.Identifier(Channel)}", cancellation);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    // A pooler lets LISTEN pass and gives the session to another client: only a notification that arrives is proof.
    private async Task<bool> CarriesNotices(NpgsqlConnection connection, CancellationToken cancellation)
    {
        var (proof, arrived) = (Guid.NewGuid().ToString(), false);
        connection.Notification += (_, notice) => arrived |= notice.Payload == proof;
        await database.ExecuteAsync($"SELECT pg_notify({Channel}, {proof})", cancellation);
        for (
            var since = TimeProvider.System.GetTimestamp(); !arrived && TimeProvider.System.GetElapsedTime(since) is var waited
                && waited < _patience;)
        {
            await connection.WaitAsync(_patience - waited, cancellation);
        }

        return arrived;
    }
}
