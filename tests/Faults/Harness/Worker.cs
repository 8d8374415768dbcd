using EmbeddingFunctions.Cli.Tests;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Faults;

/// <summary>A backfill in a process of its own, known to the database by its name.</summary>
internal sealed class Worker : IAsyncDisposable
{
    public const int Concurrency = 4;

    /// <summary>A few more than requests, see <c>EmbeddingSettings.BatchesInFlight</c>.</summary>
    public const int BatchesInFlight = Concurrency + 1;

    private Worker(string name, Running running) => (Name, Running) = (name, running);

    public string Name { get; }

    public Running Running { get; }

    public static Worker Start(
        string name, TestDatabase database, FakeOpenAi fake, IReadOnlyDictionary<string, string>? settings = null, params string[] options)
    {
        var program = new Program(database, fake).Set("DATABASE_URL", Named(database, name).ConnectionString)
            .Set("EMBEDDING_CONCURRENCY", $"{Concurrency}");
        foreach (var (setting, value) in settings ?? new Dictionary<string, string>())
        {
            program.Set(setting, value);
        }

        return new Worker(name, program.Start(["backfill", "workspace", .. options]));
    }

    /// <summary>The connection string by which the database knows the worker's name.</summary>
    public static NpgsqlConnectionStringBuilder Named(TestDatabase database, string name) =>
        new(database.ConnectionString) { ApplicationName = name };

    public Task<Result> Ended(TimeSpan? patience = null) => Running.Ended(patience);

    public Task Kill() => Running.Kill();

    public void Stop() => Running.Signal(Running.SigStop);

    public void Continue() => Running.Signal(Running.SigContinue);

    public void Terminate() => Running.Signal(Running.SigTerm);

    public ValueTask DisposeAsync() => Running.DisposeAsync();
}
