using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EmbeddingFunctions.Testing;

/// <summary>A database of a test's own on the server that <c>TEST_DATABASE_URL</c> names; dropped with the test.</summary>
public sealed class TestDatabase : IAsyncDisposable
{
    private static readonly string _prefix = $"embtest_{DateTimeOffset.UtcNow.ToUnixTimeSeconds()}_{Environment.ProcessId}";
    private static readonly Lazy<Task<string>> _template = new(MakeTemplate);
    private static readonly Lazy<NpgsqlDataSource> _server = new(() => NpgsqlDataSource.Create(ServerString(null)));
    private static readonly SemaphoreSlim _copying = new(1, 1);
    private static int _count;

    private TestDatabase(string name)
    {
        Name = name;
        ConnectionString = ServerString(name);
        Source = Database.Open(ConnectionString);
    }

    public string Name { get; }

    public string ConnectionString { get; }

    public NpgsqlDataSource Source { get; }

    /// <summary>A database with the sample tables, migrated for the shipped workspace corpus and OpenAI's model.</summary>
    public static async Task<TestDatabase> Migrated()
    {
        var template = await _template.Value;
        // A template must not be in use, so copies are made one after the other.
        await _copying.WaitAsync();
        try
        {
            return await Create($"TEMPLATE \"{template}\"");
        }
        finally
        {
            _copying.Release();
        }
    }

    public static Task<TestDatabase> Empty() => Create("");

    public async Task Execute(string sql, params object?[] values)
    {
        await using var command = Command(sql, values);
        await command.ExecuteNonQueryAsync();
    }

    /// <returns>The first column of the first row; default if there is none or it is null.</returns>
    public async Task<T?> Ask<T>(string sql, params object?[] values)
    {
        await using var command = Command(sql, values);
        return await command.ExecuteScalarAsync() is T value ? value : default;
    }

    public async Task<IReadOnlyList<object?[]>> Rows(string sql, params object?[] values)
    {
        await using var command = Command(sql, values);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<object?[]>();
        while (await reader.ReadAsync())
        {
            rows.Add(Enumerable.Range(0, reader.FieldCount).Select(i => reader.IsDBNull(i) ? null : reader.GetValue(i)).ToArray());
        }

        return rows;
    }

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        await OnServer($"DROP DATABASE IF EXISTS \"{Name}\" WITH (FORCE)");
    }

    private static async Task<TestDatabase> Create(string options)
    {
        var name = $"{_prefix}_{Interlocked.Increment(ref _count)}";
        // The server outlives every test, so no commit needs to wait for the disk.
        await OnServer($"CREATE DATABASE \"{name}\" {options}", $"ALTER DATABASE \"{name}\" SET synchronous_commit = off");
        return new TestDatabase(name);
    }

    private static async Task<string> MakeTemplate()
    {
        await DropLeftovers();
        var database = await Create("");
        var settings = new EmbeddingSettings
        {
            Provider = ProviderChoice.OpenAi,
            ProviderReason = "test",
            ApiKey = FakeOpenAiOptions.DefaultApiKey
        };
        await using (var services = new ServiceCollection().AddEmbeddings(settings, database.Source).BuildServiceProvider())
        {
            await services.GetRequiredService<Migrator>().Migrate(
                services.GetRequiredService<CorpusSet>().Get("workspace"), withSampleTables: true, null, CancellationToken.None);
        }

        await database.Source.DisposeAsync();
        NpgsqlConnection.ClearAllPools();
        return database.Name;
    }

    // Of test runs that were killed hours ago.
    private static async Task DropLeftovers()
    {
        const long Old = 4 * 3_600;
        await using var server = Database.Open(ServerString(null));
        await using var command = server.CreateCommand(
            "SELECT datname FROM pg_database WHERE datname ~ '^embtest_[0-9]+_' AND split_part(datname, '_', 2)::bigint < $1");
        command.Parameters.Add(new() { Value = DateTimeOffset.UtcNow.ToUnixTimeSeconds() - Old });
        var names = new List<string>();
        await using (var reader = await command.ExecuteReaderAsync())
        {
            while (await reader.ReadAsync())
            {
                names.Add(reader.GetString(0));
            }
        }

        foreach (var name in names)
        {
            await OnServer($"DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)");
        }
    }

    private static async Task OnServer(params IEnumerable<string> statements)
    {
        await using var server = await _server.Value.OpenConnectionAsync();
        foreach (var sql in statements)
        {
            await using var command = new NpgsqlCommand(sql, server) { CommandTimeout = 120 };
            await command.ExecuteNonQueryAsync();
        }
    }

    private static string ServerString(string? database)
    {
        var url = Environment.GetEnvironmentVariable("TEST_DATABASE_URL")
            ?? throw new InvalidOperationException("TEST_DATABASE_URL is not set: run './run test', which provides a server.");
        var server = SettingsReader.Read(new ConfigurationBuilder()
            .AddInMemoryCollection(new Dictionary<string, string?> { ["DATABASE_URL"] = url }).Build()).Database!;
        var settings = new NpgsqlConnectionStringBuilder(server);
        settings.Database = database ?? settings.Database;
        settings.MaxPoolSize = 40;
        return settings.ConnectionString;
    }

    private NpgsqlCommand Command(string sql, object?[] values)
    {
        var command = Source.CreateCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.Add(new() { Value = value ?? DBNull.Value });
        }

        return command;
    }
}
