using System.Data.Common;
using Azure.Core;
using Azure.Identity;
using Npgsql;

namespace EmbeddingFunctions.Hosting;

/// <summary>Opens a database so that a transaction pooler may stand before it: no session state, and nothing reset.</summary>
internal static class Database
{
    private const string MaxPoolSize = "Maximum Pool Size";
    private const string PrepareAfter = "Auto Prepare Min Usages";
    private const string AzureServers = ".postgres.database.azure.com";

    // A role's limits are meant for an application's statements: this program builds indexes and counts whole tables, and has time-outs of
    // its own.
    // Behind a transaction pooler, where a session is also others', the server's process is not the one that was shaken hands with: nothing
    // is set.
    private const string LiftTimeouts =
        """
        SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings
        WHERE  name IN ('statement_timeout', 'transaction_timeout') AND setting <> '0' AND pg_catalog.pg_backend_pid() = $1
        """;

    // A batch sends some fourteen different statements; a session keeps a few dozen.
    private const int MaxPrepared = 50;

    // Of the second time on: what is said once in a connection's life is not worth it.
    private const int UsesToPrepare = 2;

    // Statements are short beside the provider's answers, and each connection plans them for itself: 8 were as fast as 40.
    private const int MaxConnections = 10;

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(5);

    private static readonly TokenRequestContext _entra = new(["https://ossrdbms-aad.database.windows.net/.default"]);

    /// <summary>Statements that run often are prepared, unless a pooler stands before the database.</summary>
    /// <param name="connectionString">As Npgsql reads it. For an Azure server without a password, Entra is asked for a token.</param>
    /// <param name="cancellation">Ends the connecting.</param>
    public static async Task<NpgsqlDataSource> Open(string connectionString, CancellationToken cancellation)
    {
        var source = Open(connectionString, MaxPrepared);
        if (await IsDirect(source, cancellation))
        {
            return source;
        }

        await source.DisposeAsync();
        return Open(connectionString);
    }

    /// <summary>Nothing is prepared, and no connection is opened yet.</summary>
    /// <param name="connectionString">As Npgsql reads it. For an Azure server without a password, Entra is asked for a token.</param>
    public static NpgsqlDataSource Open(string connectionString) => Open(connectionString, maxPrepared: 0);

    // A pooler answers the handshake itself, with a process number that is not the server's. A database that cannot be reached now is found
    // to be so by the first statement, which says it better.
    private static async Task<bool> IsDirect(NpgsqlDataSource source, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(_patience);
        try
        {
            await using var connection = await source.OpenConnectionAsync(patience.Token);
            await using var command = new NpgsqlCommand("SELECT pg_catalog.pg_backend_pid()", connection);
            return (int?)await command.ExecuteScalarAsync(patience.Token) == connection.ProcessID;
        }
        catch (Exception e) when (e is DbException or AuthenticationFailedException
            || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            return false;
        }
    }

    private static NpgsqlDataSource Open(string connectionString, int maxPrepared)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            NoResetOnClose = true,
            MaxAutoPrepare = maxPrepared,
            Multiplexing = false,
            // The server's detail of a failing row repeats the row's text, which must not be shown.
            IncludeErrorDetail = false,
        };
        settings.ApplicationName ??= "embeddings";
        settings.AutoPrepareMinUsages = settings.ShouldSerialize(PrepareAfter) ? settings.AutoPrepareMinUsages : UsesToPrepare;
        settings.MaxPoolSize = settings.ShouldSerialize(MaxPoolSize) ? settings.MaxPoolSize : MaxConnections;
        var source = new NpgsqlDataSourceBuilder(settings.ConnectionString);
        source.UseVector();
        source.UsePhysicalConnectionInitializer(connection => Initializer(connection).ExecuteNonQuery(), async connection =>
        {
            await using var command = Initializer(connection);
            await command.ExecuteNonQueryAsync();
        });
        if (WantsToken(settings))
        {
            // A token is a bearer's: no server gets one whose certificate was not checked, whatever the address says.
            source.ConnectionStringBuilder.SslMode = SslMode.VerifyFull;
            // The credential keeps a token until shortly before it expires.
            var credential = new DefaultAzureCredential();
            source.UsePasswordProvider(
                _ => credential.GetToken(_entra, CancellationToken.None).Token,
                async (_, cancellation) => (await credential.GetTokenAsync(_entra, cancellation)).Token);
        }

        return source.Build();
    }

    /// <returns>The database's name and server, without user or password.</returns>
    public static string Describe(NpgsqlDataSource database)
    {
        var settings = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        return $"{settings.Database ?? "the user's own database"} on {settings.Host}:{settings.Port}";
    }

    private static NpgsqlCommand Initializer(NpgsqlConnection connection) =>
        new(LiftTimeouts, connection) { Parameters = { new() { Value = connection.ProcessID } } };

    internal static bool WantsToken(NpgsqlConnectionStringBuilder settings) =>
        settings.Host?.EndsWith(AzureServers, StringComparison.OrdinalIgnoreCase) == true && settings.Password is null
            && settings.Passfile is null;
}
