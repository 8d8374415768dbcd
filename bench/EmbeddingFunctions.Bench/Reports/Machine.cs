using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Bench.Reports;

/// <summary>The machine that the figures come from, and its other load.</summary>
internal static class Machine
{
    private const string LoadFile = "/proc/loadavg";

    public static async Task Describe(Report report)
    {
        await using var database = await TestDatabase.Empty();
        var server = await database.Ask<string>("SHOW server_version");
        var vector = await database.Ask<string>("SELECT default_version FROM pg_available_extensions WHERE name = 'vector'");
        report.Note(
            $"{DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC; {Environment.ProcessorCount} cores; .NET {Environment.Version}; Postgres {server}; "
                + $"pgvector {vector}; load before: {Load()}");
    }

    private static string Load() =>
        File.Exists(LoadFile) ? string.Join(' ', File.ReadAllText(LoadFile).Split(' ').Take(3)) : "unknown";
}
