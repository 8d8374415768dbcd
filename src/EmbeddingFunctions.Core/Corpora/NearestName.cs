namespace EmbeddingFunctions.Corpora;

/// <summary>The name that a misspelt one most likely means, by Levenshtein's distance.</summary>
internal static class NearestName
{
    private const int FewestEdits = 2;

    /// <returns><c>: do you mean 'x'?</c>, or nothing where no name is near.</returns>
    public static string Hint(string name, IEnumerable<string> known) => Of(name, known) is { } near ? $": do you mean '{near}'?" : "";

    /// <returns>The nearest name within a third of the letters, or null.</returns>
    public static string? Of(string name, IEnumerable<string> known)
    {
        var plain = Plain(name);
        var nearest = known.Select(other => (Name: other, Edits: Distance(plain, Plain(other)))).OrderBy(other => other.Edits)
            .FirstOrDefault();
        return nearest.Name is not null && nearest.Edits <= Math.Max(FewestEdits, plain.Length / 3) && nearest.Edits < plain.Length
            ? nearest.Name
            : null;
    }

    // page_size means pageSize.
    private static string Plain(string name) => string.Concat(name.Where(char.IsLetterOrDigit)).ToLowerInvariant();

    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[b.Length];
    }
}
