using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>A connection of its own that hears of work.</summary>
public sealed class WorkNoticesTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task It_hears_notifications_while_the_pool_s_only_connections_are_taken()
    {
        await using var source = Database.Open(
            new NpgsqlConnectionStringBuilder(_database.ConnectionString) { MaxPoolSize = 2 }.ConnectionString);
        await using var listener = new Listening(source);
        await listener.Ready;
        await using var one = await source.OpenConnectionAsync();
        await using var two = await source.OpenConnectionAsync();

        await _database.Execute("SELECT pg_notify($1, 'notes')", WorkNotices.Channel);

        Assert.Equal("notes", await listener.Heard);
    }

    [Fact]
    public async Task It_asks_for_the_password_as_the_pool_does()
    {
        var settings = new NpgsqlConnectionStringBuilder(_database.ConnectionString);
        var (password, asked) = (settings.Password, 0);
        settings.Password = null;
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString);
        ValueTask<string> Answer()
        {
            asked++;
            return ValueTask.FromResult(password!);
        }

        builder.UsePasswordProvider(_ => password!, (_, _) => Answer());
        await using var source = builder.Build();
        await using var listener = new Listening(source);

        await listener.Ready;
        Assert.True(asked > 0);
    }

    [Fact]
    public async Task A_connection_that_breaks_is_an_error_and_not_silence()
    {
        await using var listener = new Listening(_database.Source);
        await listener.Ready;

        await _database.Execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE "
                + "'%listener'");

        await Assert.ThrowsAnyAsync<NpgsqlException>(() => listener.Hearing);
    }

    [Fact]
    public async Task Of_a_database_with_one_connection_nothing_is_asked()
    {
        await using var source = Database.Open(
            new NpgsqlConnectionStringBuilder(_database.ConnectionString) { MaxPoolSize = 1 }.ConnectionString);
        await using var only = await source.OpenConnectionAsync();
        await using var listener = new Listening(source);

        Assert.False(await listener.Hearing);
    }

    private sealed class Listening : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly TaskCompletionSource _ready = new();
        private readonly TaskCompletionSource<string> _heard = new();

        // Its own proof is heard too.
        public Listening(NpgsqlDataSource source) => Hearing = new WorkNotices(source).Hear(
            () => _ready.TrySetResult(), word => _ = Guid.TryParse(word, out _) || _heard.TrySetResult(word), _stop.Token);

        public Task<bool> Hearing { get; }

        public Task Ready => Task.WhenAny(_ready.Task, Hearing).Unwrap().WaitAsync(TimeSpan.FromSeconds(30));

        public Task<string> Heard => _heard.Task.WaitAsync(TimeSpan.FromSeconds(30));

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await Hearing.ContinueWith(_ => { }, TaskScheduler.Default);
            _stop.Dispose();
        }
    }
}
