using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Faults;

/// <summary>A database that misbehaves.</summary>
internal sealed class SqlFaults(TestDatabase database)
{
    /// <summary>Ends the workers' sessions, as a restart or a failover would.</summary>
    /// <returns>How many there were.</returns>
    public Task<long> EndSessions() => database.Ask<long>(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND "
            + "application_name LIKE 'worker%'");

    /// <summary>From now on every write of a vector fails with this state, with this probability.</summary>
    public Task Refuse(string state, double probability = 1) =>
        Obstruct($"IF random() < {probability} THEN RAISE EXCEPTION 'refused for a test' USING ERRCODE = '{state}'; END IF;");

    /// <summary>From now on every write of a vector takes so much longer.</summary>
    public Task Slow(TimeSpan time) => Obstruct($"PERFORM pg_sleep({time.TotalSeconds});");

    public Task StopRefusing() => database.Execute("DROP TRIGGER IF EXISTS obstacle ON issues");

    /// <summary>Keeps a table locked, as a change of its definition would, until disposed.</summary>
    public async Task<IAsyncDisposable> Lock(string table)
    {
        var connection = await database.Source.OpenConnectionAsync();
        await using var command = new NpgsqlCommand($"BEGIN; LOCK TABLE {table}", connection);
        await command.ExecuteNonQueryAsync();
        return new HeldLock(connection);
    }

    /// <summary>As a server that became a standby: new sessions may read only.</summary>
    public async Task MakeReadOnly()
    {
        await database.Execute($"ALTER DATABASE \"{database.Name}\" SET default_transaction_read_only = on");
        await EndSessions();
    }

    public async Task MakeWritable()
    {
        // Of the tests' own sessions some were opened meanwhile.
        await database.Execute($"BEGIN READ WRITE; ALTER DATABASE \"{database.Name}\" RESET default_transaction_read_only; COMMIT");
        await EndSessions();
        database.Source.Clear();
    }

    private Task Obstruct(string what) => database.Execute(
        $"""
        CREATE OR REPLACE FUNCTION obstruct() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {what} RETURN NEW; END $$;
        DROP TRIGGER IF EXISTS obstacle ON issues;
        CREATE TRIGGER obstacle BEFORE UPDATE OF embedding ON issues FOR EACH ROW EXECUTE FUNCTION obstruct();
        """);

    private sealed class HeldLock(NpgsqlConnection connection) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await using (var command = new NpgsqlCommand("ROLLBACK", connection))
            {
                await command.ExecuteNonQueryAsync();
            }

            await connection.DisposeAsync();
        }
    }
}
