using System.Text.Json;
using EmbeddingFunctions.Cli.Samples;

namespace EmbeddingFunctions.Bench.Data;

/// <summary>Texts of the sample workspace's sentences, all different, the same in every run: as many word pieces as real ones.</summary>
internal static class Prose
{
    private static readonly string[] _words = ReadWords();

    /// <returns>Exactly this number of characters.</returns>
    public static string Text(int seed, int characters)
    {
        var first = new Random(seed).Next(_words.Length);
        var words = Enumerable.Range(first, characters).Select(i => _words[i % _words.Length]);
        return $"{seed} {string.Join(' ', words)}"[..characters];
    }

    private static string[] ReadWords()
    {
        using var reader = new StreamReader(SampleWorkspace.Open());
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement)
            .Select(item => $"{item.GetProperty("title")} {item.GetProperty("body")}")
            .SelectMany(text => text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).ToArray();
    }
}
