using System.Globalization;

namespace EmbeddingFunctions.Bench.Data;

/// <summary>The processor time of Postgres, where it runs on this machine.</summary>
internal static class DatabaseCpu
{
    private const double TicksPerSecond = 100;

    // Of what follows the name, which is in brackets and may contain blanks.
    private const int Parent = 1, User = 11, System = 12, EndedUser = 13, EndedSystem = 14;

    /// <returns>Seconds that all of the server's processes have used, those that have ended included.</returns>
    public static async Task<double> OfServer(BenchDatabase database)
    {
        var server = (int)Stat(await database.Ask<int>("SELECT pg_backend_pid()"))![Parent];
        return Directory.EnumerateDirectories("/proc").Select(Path.GetFileName)
            .Where(name => int.TryParse(name, CultureInfo.InvariantCulture, out _))
            .Select(name => Stat(int.Parse(name!, CultureInfo.InvariantCulture)))
            .Where(stat => stat is not null && stat[Parent] == server)
            .Sum(stat => (stat![User] + stat[System]) / TicksPerSecond)
            + (Stat(server) is { } own ? (own[EndedUser] + own[EndedSystem]) / TicksPerSecond : 0);
    }

    /// <returns>Seconds that a process has used; 0 if it has ended.</returns>
    public static double Of(int pid) => Stat(pid) is { } stat ? (stat[User] + stat[System]) / TicksPerSecond : 0;

    private static long[]? Stat(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/stat").Split(") ")[^1].Split(' ')
                .Select(field => long.TryParse(field, CultureInfo.InvariantCulture, out var number) ? number : 0).ToArray();
        }
        catch (IOException)
        {
            return null;
        }
    }
}
