using EmbeddingFunctions.Testing;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Faults;

/// <summary>
/// What must be true of a database when all workers have ended, whatever happened to them. I1 to I9 are the catalogue's invariants.
/// </summary>
/// <param name="database">At rest, its claims audited.</param>
/// <param name="fake">Whose vectors are a function of the text.</param>
/// <param name="isPoison">Which texts the provider refuses.</param>
internal sealed class Oracle(TestDatabase database, FakeOpenAi fake, Func<string, bool>? isPoison = null)
{
    private const int MaxCharacters = 2_000;

    private static readonly (string Table, string Label)[] _tables = [
        ("issues", "[ISSUE]"), ("pull_requests", "[PULL_REQUEST]"), ("discussions", "[DISCUSSION]")];

    /// <param name="paidTwiceAtMost">How many inputs the faults may have cost a second time.</param>
    /// <returns>What is wrong, in words; nothing if all is well.</returns>
    public async Task<IReadOnlyList<string>> Violations(long paidTwiceAtMost)
    {
        var wrong = new List<string>();
        foreach (var (table, label) in _tables)
        {
            wrong.AddRange(await Items(table, label));
        }

        wrong.AddRange(await Held());
        wrong.AddRange((await ClaimAudit.Unfenced(database)).Select(write => $"I5 {write} without its claim"));
        wrong.AddRange(await Ledger());
        if (fake.DuplicatePaidInputs > paidTwiceAtMost)
        {
            wrong.Add($"I4 {fake.DuplicatePaidInputs} inputs were paid twice, {paidTwiceAtMost} may have been");
        }

        return wrong;
    }

    public async Task AssertHolds(long paidTwiceAtMost = 0)
    {
        var wrong = await Violations(paidTwiceAtMost);
        Assert.True(wrong.Count == 0, string.Join('\n', wrong.Take(20)));
    }

    /// <summary>The text that is embedded of an item; empty if it has none.</summary>
    private static string TextOf(string label, string? title, string? body) => NormalizedText.IsBlank(title) && NormalizedText.IsBlank(body)
        ? ""
        : NormalizedText.Of($"{label} {title} {body}", MaxCharacters);

    private async Task<IReadOnlyList<string>> Items(string table, string label)
    {
        var rows = await database.Rows(
            $"""
            SELECT t.id, t.title, t.body, t.embedding::real[], f.reason, p.id IS NOT NULL,
                   t.repository_id IN (SELECT repository_id FROM workspace_repositories r JOIN workspaces w ON w.id = r.workspace_id WHERE
                       w.is_active)
            FROM   {table} t
            LEFT   JOIN embedding.failures f ON f.item_id = t.id
            LEFT   JOIN items_needing_embeddings_priority p ON p.id = t.id
            """);
        return rows.Select(row => Problem(
            TextOf(label, (string?)row[1], (string?)row[2]), (float[]?)row[3], (string?)row[4], (bool)row[5]!, (bool)row[6]!) is { } problem
            ? $"{problem}: {table} {row[0]}"
            : null).OfType<string>().ToList();
    }

    private string? Problem(string text, float[]? vector, string? failure, bool isPending, bool isActive)
    {
        if (!isActive || text.Length == 0)
        {
            return vector is null
                ? null
                : isActive
                ? "I2 an item without text has a vector"
                : "I2 an item outside every active partition has a vector";
        }

        if (isPoison?.Invoke(text) == true)
        {
            return vector is not null ? "I2 a refused text has a vector" : failure is null ? "I1 a refused item has no reason" : null;
        }

        return vector is null ? $"I1 an item has no vector{(failure is null ? "" : $" ({failure})")}"
            : !IsOf(text, vector) ? "I2 I3 a vector is not of its item's text"
            : isPending ? "I1 an item is pending though its vector is true" : null;
    }

    private async Task<IReadOnlyList<string>> Held()
    {
        var held = await database.Ask<long>("SELECT count(*) FROM embedding.claims WHERE token IS NOT NULL");
        return held == 0 ? [] : [$"I1 {held} claims are held by no worker"];
    }

    // Until a request's outcome is known, its tokens are an estimate; its texts are not.
    private async Task<IReadOnlyList<string>> Ledger()
    {
        var billed = fake.PaidInputs.Sum(paid => (long)FakeTokens.Count(paid.Key) * paid.Value);
        var texts = fake.PaidInputs.Sum(paid => (long)paid.Value);
        var answered = await Entered("sum(tokens)", "outcome IN ('answered', 'unusable')");
        var unknown = await Entered("count(*)", "outcome IS NULL OR outcome = 'unknown'");
        var entered = await Entered("sum(inputs)", "outcome IS NULL OR outcome IN ('answered', 'unusable', 'unknown')");
        return entered >= texts && (answered == billed || (answered < billed && unknown > 0))
            ? [] : [$"I9 the provider billed {billed} tokens of {texts} texts; the ledger has {answered} tokens as answered, {unknown} "
                + $"requests as unknown, and {entered} texts of both"];
    }

    private Task<long> Entered(string figure, string which) =>
        database.Ask<long>($"SELECT COALESCE({figure}, 0)::bigint FROM embedding.requests WHERE {which}");

    private static bool IsOf(string text, float[] vector) =>
        FakeVector.Of(text, "text-embedding-3-small", vector.Length).Zip(vector).All(pair => Math.Abs(pair.First - pair.Second) < 1e-5f);
}
