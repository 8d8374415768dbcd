using System.Text.Json;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>Corpora that tests declare.</summary>
internal static class Declarations
{
    /// <summary>The shipped one.</summary>
    public static object Workspace()
    {
        using var stream = typeof(CorpusFile).Assembly.GetManifestResourceStream("corpora.json")!;
        return JsonSerializer.Deserialize<JsonElement>(stream).GetProperty("corpora")[0];
    }

    /// <summary>A small one without partitions.</summary>
    /// <param name="tables">Instead of one of notes with a title.</param>
    public static object Notes(params object[] tables) =>
        new
        {
            name = "notes",
            dimensions = 16,
            startsPerMinute = 1_000,
            tables = tables.Length > 0 ? tables : [new { kind = "note", table = "notes", text = "{title}" }]
        };

    public static object View(string name, params string[] columns) => new { name, columns };

    /// <summary>A table for <see cref="Notes"/> with a number of rows.</summary>
    public static async Task<DeclaredCorpus> CreateNotes(TestDatabase database, int rows)
    {
        await database.Execute(
            $"""
            CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text, body text, edited_at timestamptz DEFAULT
                now() - interval '1 hour');
            INSERT INTO notes (title) SELECT 'note ' || n FROM generate_series(1, {rows}) n;
            """);
        return new DeclaredCorpus(database.Source, Notes());
    }
}
