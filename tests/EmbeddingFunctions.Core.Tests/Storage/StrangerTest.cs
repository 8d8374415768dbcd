using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>An empty database, and a role that is not its owner.</summary>
public abstract class StrangerTest : IAsyncLifetime
{
    private protected TestDatabase Target { get; private set; } = null!;

    /// <summary>The name of a role that owns nothing.</summary>
    private protected string Mallory { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Target = await TestDatabase.Empty();
        Mallory = $"mallory_{Target.Name}";
        await Target.Execute($"CREATE ROLE {Mallory} LOGIN");
    }

    public async Task DisposeAsync()
    {
        await Target.Execute($"DROP OWNED BY {Mallory} CASCADE; DROP ROLE {Mallory}");
        await Target.DisposeAsync();
    }

    private protected NpgsqlDataSource OpenAsMallory() => Database.Open(
        new NpgsqlConnectionStringBuilder(Target.ConnectionString) { Username = Mallory, Pooling = false }.ConnectionString);
}
