using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EmbeddingFunctions.Testing;

/// <summary>
/// The product as a host would register it, on a test's database and a fake provider, without waits that tests do not want.
/// </summary>
public sealed class TestEngine : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    /// <param name="database">A migrated database.</param>
    /// <param name="fake">The provider.</param>
    /// <param name="settings">Changes to the settings.</param>
    internal TestEngine(TestDatabase database, FakeOpenAi fake, Func<EmbeddingSettings, EmbeddingSettings>? settings = null)
        : this(database.Source, fake, settings)
    {
    }

    /// <param name="database">Any database, or none.</param>
    /// <param name="fake">The provider.</param>
    /// <param name="settings">Changes to the settings.</param>
    /// <param name="time">This machine's clock, if it is to be wrong.</param>
    /// <param name="services">Replaces services.</param>
    internal TestEngine(
        NpgsqlDataSource database, FakeOpenAi fake, Func<EmbeddingSettings, EmbeddingSettings>? settings = null, TimeProvider? time = null,
        Action<IServiceCollection>? services = null)
    {
        var standard = new EmbeddingSettings
        {
            Provider = ProviderChoice.OpenAi,
            ProviderReason = "test",
            ApiKey = fake.ApiKey,
            BaseUrl = new Uri(fake.BaseUrl + "/"),
            RequestsPerMinute = 1_000_000,
            TokensPerMinute = 2_000_000_000,
            Concurrency = 4,
        };
        Settings = settings?.Invoke(standard) ?? standard;
        var all = new ServiceCollection().AddEmbeddings(Settings, database).AddSingleton(time ?? TimeProvider.System);
        services?.Invoke(all);
        _services = all.BuildServiceProvider();
    }

    internal EmbeddingSettings Settings { get; }

    /// <returns>A service, or what can be made from services.</returns>
    public T Get<T>() where T : notnull => ActivatorUtilities.GetServiceOrCreateInstance<T>(_services);

    internal Task<RunOutcome> Run(RunRequest? request = null, Action<RunProgress>? progress = null, CancellationToken stopping = default) =>
        Get<InProcessEngine>().Run(request ?? new RunRequest("workspace", [], Concurrency: Settings.BatchesInFlight), progress, stopping);

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
