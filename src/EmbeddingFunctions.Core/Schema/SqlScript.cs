using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>A .sql file of this folder, as psql would run it.</summary>
/// <param name="Name">The path within the folder, for example <c>versioned/001_create_engine.sql</c>.</param>
internal sealed record SqlScript(string Name, string Text)
{
    private static readonly Assembly _assembly = typeof(SqlScript).Assembly;

    /// <summary>Scripts that a database runs once each, oldest first; never edited once released.</summary>
    public static IReadOnlyList<SqlScript> Versioned { get; } = In("versioned/");

    /// <summary>Objects that are replaced whenever their text changes: functions and views.</summary>
    public static IReadOnlyList<SqlScript> Repeatable { get; } = In("repeatable/");

    /// <summary>The number before a versioned script's name.</summary>
    public int Version => int.Parse(Path.GetFileName(Name).Split('_')[0]);

    public string Checksum => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Text.ReplaceLineEndings("\n"))));

    /// <param name="name">The path within the folder.</param>
    /// <param name="variables">psql's variables with the SQL to put in their place: <c>:"name"</c> and <c>:name</c>.</param>
    public static string Read(string name, params IEnumerable<(string Name, SqlText Sql)> variables)
    {
        using var stream = _assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The program was built without its script {name}.");
        using var reader = new StreamReader(stream);
        return variables.Aggregate(reader.ReadToEnd().TrimEnd().TrimEnd(';'), (text, variable) => text
            .Replace($":\"{variable.Name}\"", variable.Sql.ToString(), StringComparison.Ordinal)
            .Replace($":{variable.Name} ", $"{variable.Sql} ", StringComparison.Ordinal));
    }

    private static List<SqlScript> In(string folder) =>
        _assembly.GetManifestResourceNames().Where(name => name.StartsWith(folder, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal).Select(name => new SqlScript(name, Read(name))).ToList();
}
