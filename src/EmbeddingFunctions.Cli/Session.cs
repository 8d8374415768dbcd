using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Local;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Npgsql;

namespace EmbeddingFunctions.Cli;

/// <summary>The settings, the database they name or one of our own, and the product on it, for the time of one command.</summary>
internal sealed class Session : IAsyncDisposable
{
    private const string Folder = ".embeddings";

    private readonly ServiceProvider _services;
    private readonly NpgsqlDataSource _database;
    private readonly EmbeddedPostgres? _embedded;

    private Session(EmbeddingSettings settings, NpgsqlDataSource database, EmbeddedPostgres? embedded, LogLevel defaultLevel)
    {
        (Settings, _database, _embedded) = (settings, database, embedded);
        _services = new ServiceCollection()
            .AddLogging(log => AddLog(log, settings.LogLevel ?? defaultLevel))
            .AddEmbeddings(settings, database, () => new MiniLmModel())
            .AddCommands()
            .BuildServiceProvider();
        _services.StartTelemetry(settings);
    }

    public EmbeddingSettings Settings { get; }

    public CorpusSet Corpora => Get<CorpusSet>();

    /// <param name="output">Receives the line about provider and database.</param>
    /// <param name="cancellation">Ends the opening.</param>
    /// <param name="adjust">Puts the command's own options in place of settings.</param>
    /// <param name="defaultLevel">What is logged where the settings do not say; null: warnings, on a terminal only errors, since the
    /// progress bar has it.</param>
    public static async Task<Session> Open(
        Output output, CancellationToken cancellation, Func<EmbeddingSettings, EmbeddingSettings>? adjust = null,
        LogLevel? defaultLevel = null)
    {
        var settings = SettingsReader.FromEnvironment();
        var hasDatabase = settings.Database is not null;
        settings = adjust?.Invoke(settings) ?? settings;
        var isLeftAlone = hasDatabase && settings.Database is null;
        CorpusFile.Load(settings.CorporaFile);
        output.Note($"Provider: {settings.ProviderName}, {settings.DefaultModel} ({settings.ProviderReason}).");
        var embedded = settings.Database is null
            ? await EmbeddedPostgres.Start(Folder, line => output.Note($"{line} …"), cancellation)
            : null;
        var database = await Database.Open(settings.Database ?? embedded!.ConnectionString, cancellation);
        var hint = isLeftAlone ? "DATABASE_URL is left alone" : "set DATABASE_URL for your own";
        output.Note($"Database: {(embedded is null ? Database.Describe(database) : $"embedded Postgres in {Folder}/ ({hint})")}.");
        var level = defaultLevel ?? (Console.IsErrorRedirected ? LogLevel.Warning : LogLevel.Error);
        var session = new Session(settings, database, embedded, level);
        session.Get<ISearchIndexes>().Progressed += line => output.Note($"{line} …");
        await session.ReadGenerations(cancellation);
        return session;
    }

    /// <summary>Under which name the live vectors of a corpus are kept.</summary>
    /// <exception cref="NotFoundException">No corpus has that name.</exception>
    public string LiveName(string corpus) => Corpora.Live(corpus).Name;

    /// <summary>The model that embeds a corpus.</summary>
    public string ModelOf(string corpus) => Settings.ModelFor(Corpora.Get(corpus));

    // A database that cannot be reached is found to be so by the command itself.
    private async Task ReadGenerations(CancellationToken cancellation)
    {
        try
        {
            await Get<Generations>().Refresh(cancellation);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException || DatabaseFaults.LacksToken(e))
        {
        }
    }

    public T Get<T>() where T : notnull => _services.GetRequiredService<T>();

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await _database.DisposeAsync();
        if (_embedded is not null)
        {
            await _embedded.DisposeAsync();
        }
    }

    // Standard output is the answer's.
    private static void AddLog(ILoggingBuilder log, LogLevel level) => log
        .SetMinimumLevel(LogLevel.Warning)
        .AddFilter(nameof(EmbeddingFunctions), level)
        .AddSimpleConsole(line => (line.SingleLine, line.TimestampFormat, line.UseUtcTimestamp) = (true, "yyyy-MM-dd HH:mm:ssZ ", true))
        .Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
}
