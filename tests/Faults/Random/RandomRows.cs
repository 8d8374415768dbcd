using System.Text;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Faults.Random;

/// <summary>
/// Items of all sizes and alphabets, some alike, some empty, some that the provider refuses; and what people do to them meanwhile.
/// </summary>
internal sealed class RandomRows(TestDatabase database, System.Random random)
{
    public const string Poison = "☠poison";

    private static readonly string[] _tables = ["issues", "issues", "issues", "pull_requests", "discussions"];

    private static readonly string[] _alphabets =
        [
            "abcdefgh ijkl mnop ", "äöüß éàç ", "жщъыэюя ", "日本語漢字 ", "مرحبا ", "😀🎉👩‍👩‍👧🇨🇭 ", "\t\n  \u00a0\u200b ",
            "'\"\\;--$$%_{}[]<> "];

    private const string Shared = "the same words again";

    public static bool IsPoison(string text) => text.Contains(Poison, StringComparison.Ordinal);

    /// <summary>Whether several rows may have it, or it is what is asked to see whether the provider is well.</summary>
    public static bool IsShared(string text) => text.Contains(Shared, StringComparison.Ordinal) || text == "ok";

    public async Task Fill(int rows)
    {
        var workspace = new TestWorkspace(database);
        for (var i = random.Next(1, 5); i > 0; i--)
        {
            await workspace.Repository($"acme/{i}");
        }

        await workspace.Repository("acme/asleep", isActive: false);
        for (var i = 0; i < rows; i++)
        {
            await Insert();
        }
    }

    /// <summary>Inserts, edits, touches or deletes a row, as people do while workers are at it.</summary>
    public Task Change() => random.Next(6) switch
    {
        0 or 1 => Insert(),
        2 or 3 => OnAny(table => $"UPDATE {table} SET title = $1, body = $2, updated_at = now()", Text(), Text()),
        // A writer whose clock is slow.
        4 => OnAny(table => $"UPDATE {table} SET body = $1, updated_at = now() - interval '1 hour'", Text()),
        _ => OnAny(table => $"DELETE FROM {table}"),
    };

    private Task Insert() => database.Execute(
        $"""
        INSERT INTO {Table()} (id, repository_id, title, body, updated_at)
        SELECT gen_random_uuid()::text, id, $1, $2, now() - random() * interval '1 day' FROM repositories ORDER BY random() LIMIT 1
        """, Text(), random.Next(4) == 0 ? null : Text());

    private string Table() => _tables[random.Next(_tables.Length)];

    private Task OnAny(Func<string, string> statement, params object?[] values)
    {
        var table = Table();
        return database.Execute($"{statement(table)} WHERE id = (SELECT id FROM {table} ORDER BY random() LIMIT 1)", values);
    }

    private string Text() => random.Next(20) switch
    {
        0 => "",
        1 => " \t\n ",
        2 => Poison + Letters(),
        3 or 4 => $"{Shared} {random.Next(4)}",
        _ => Letters(),
    };

    private string Letters()
    {
        var alphabet = _alphabets[random.Next(_alphabets.Length)].EnumerateRunes().ToList();
        var length = random.Next(10) == 0 ? random.Next(1_900, 2_100) : random.Next(1, 60);
        var text = new StringBuilder($"{random.Next(100_000)} ");
        for (var i = 0; i < length; i++)
        {
            text.Append(alphabet[random.Next(alphabet.Count)]);
        }

        return text.ToString();
    }
}
