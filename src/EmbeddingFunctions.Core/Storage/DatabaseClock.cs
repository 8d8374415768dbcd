using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>The one clock that all hosts share: moments that are stored are of this one, never of a machine's.</summary>
internal class DatabaseClock(NpgsqlDataSource database)
{
    public virtual async Task<DateTimeOffset> Now(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand("SELECT now()");
        return new DateTimeOffset((DateTime)(await command.ExecuteScalarAsync(cancellation))!);
    }
}
