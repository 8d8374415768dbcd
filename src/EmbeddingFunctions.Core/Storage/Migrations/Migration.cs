namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>A numbered script that every database runs once.</summary>
internal sealed record Migration(string Name, string Script)
{
    /// <summary>All scripts, oldest first.</summary>
    public static IReadOnlyList<Migration> All { get; } = Find();

    public static string Read(string name)
    {
        using var stream = typeof(Migration).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The program was built without its script {name}.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static List<Migration> Find() =>
        typeof(Migration).Assembly.GetManifestResourceNames()
            .Where(name => name.EndsWith(".sql", StringComparison.Ordinal) && char.IsAsciiDigit(name[0]))
            .Order(StringComparer.Ordinal)
            .Select(name => new Migration(name[..^".sql".Length], Read(name)))
            .ToList();
}
