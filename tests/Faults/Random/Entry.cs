using System.Globalization;

namespace EmbeddingFunctions.Faults.Random;

/// <summary>Round after round for a number of minutes: <c>[--minutes N] [--seed S]</c>. With a seed, that round alone.</summary>
public static class Entry
{
    private const string Usage = "usage: ./run faults [--minutes N] [--seed S]";

    public static async Task<int> Main(string[] args)
    {
        if (
            args.Length % 2 != 0
                || args.Chunk(2)
                    .Any(
                        pair => pair[0] is not ("--minutes" or "--seed") || !double.TryParse(pair[1], CultureInfo.InvariantCulture, out _)))
        {
            await Console.Error.WriteLineAsync(Usage);
            return 2;
        }

        var values = args.Chunk(2).ToDictionary(pair => pair[0], pair => double.Parse(pair[1], CultureInfo.InvariantCulture));
        var end = DateTime.UtcNow.AddMinutes(values.GetValueOrDefault("--minutes", 1));
        return values.TryGetValue("--seed", out var seed) ? await Play([(int)seed]) : await Play(Seeds(end));
    }

    private static IEnumerable<int> Seeds(DateTime end)
    {
        for (var seed = Environment.TickCount & 0xFFFFFF; DateTime.UtcNow < end; seed++)
        {
            yield return seed;
        }
    }

    private static async Task<int> Play(IEnumerable<int> seeds)
    {
        var (rounds, failed) = (0, 0);
        foreach (var seed in seeds)
        {
            var outcome = await new Round(seed).Play();
            Console.WriteLine($"round {++rounds}, {outcome}");
            if (!outcome.IsWell)
            {
                failed++;
                Keep(outcome);
            }
        }

        Console.WriteLine($"{rounds} rounds, {failed} failed");
        return failed == 0 ? 0 : 1;
    }

    private static void Keep(RoundOutcome outcome)
    {
        var folder = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), "embeddings-faults"));
        var file = Path.Combine(folder.FullName, $"round-{outcome.Seed}.txt");
        File.WriteAllText(file, $"{outcome}\n\n{string.Join("\n\n", outcome.Said)}");
        Console.WriteLine($"  details: {file}");
    }
}
