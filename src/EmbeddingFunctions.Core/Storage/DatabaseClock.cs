using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>The one clock that all hosts share: moments that are stored are of this one, never of a machine's.</summary>
internal class DatabaseClock(NpgsqlDataSource database)
{
    public virtual Task<DateTimeOffset> Now(CancellationToken cancellation) =>
        database.ScalarAsync<DateTimeOffset>($"SELECT now()", cancellation);
}
