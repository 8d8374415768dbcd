using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Cli.Tables;

/// <summary>A declaration that a table's columns suggest, for a person to look over.</summary>
/// <param name="Declaration">A whole file of declarations.</param>
/// <param name="Unsure">What was guessed, or left to the person.</param>
internal sealed record TableProposal(string Declaration, IReadOnlyList<string> Unsure)
{
    // The widest model's dimensions where no fewer are requested.
    private const int DefaultDimensions = 1_536;

    private static readonly string[] _textTypes = ["text", "character varying", "character", "citext"];
    private static readonly string[] _telling = [
        "title", "headline", "subject", "name", "summary", "tldr", "abstract", "description", "body", "content", "text", "message"];
    private static readonly string[] _changed = [
        "updated_at", "modified_at", "changed_at", "edited_at", "last_modified", "last_updated", "updated", "modified"];
    private static readonly string[] _created = ["created_at", "inserted_at", "published_at", "created", "inserted"];
    private static readonly string[] _ours = ["embedding", .. new OwnColumns().Of(QueuedText.Content).Select(column => column.Column)];

    private static readonly JsonSerializerOptions _json = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping
    };

    internal static TableProposal Of(
        string name, CatalogueTable table, IReadOnlyList<(string Column, string Table)> references, bool isLocal, string? vectors)
    {
        var unsure = new List<string>();
        var key = Key(table, unsure);
        var texts = Texts(table, key, references.Select(reference => reference.Column).ToList(), unsure);
        var declared = new JsonObject
        {
            ["kind"] = Word(table.Name.Length > 2 && table.Name.EndsWith('s') ? table.Name[..^1] : table.Name),
            ["table"] = name,
            ["id"] = key,
            ["text"] = texts.Count == 1
                ? $"{{{texts[0]}}}"
                : $"{{{{{texts[0]}}}}}{string.Concat(texts.Skip(1).Select(text => $"{{. {{{text}}}}}"))}",
        };
        AddMoments(declared, table, unsure);
        AddFilter(declared, table, unsure);
        AddNames(declared, table, vectors, unsure);
        NotePartitions(references, unsure);
        var corpus = new JsonObject { ["name"] = Word(table.Name), ["dimensions"] = Dimensions(table, isLocal, unsure) };
        if (table.Columns.GetValueOrDefault("embedding") is { Type: "halfvec" })
        {
            corpus["vectorType"] = "halfvec";
        }

        corpus["tables"] = new JsonArray(declared);
        var declaration = new JsonObject { ["corpora"] = new JsonArray(corpus) }.ToJsonString(_json);
        CorpusFile.Parse(declaration, "The proposal");
        return new TableProposal(declaration, unsure);
    }

    private static string Key(CatalogueTable table, List<string> unsure)
    {
        var keys = table.Columns.Where(column => column.Value.IsKey && CorpusResolver.KeyTypes.Contains(column.Value.Type))
            .Select(column => column.Key)
            .OrderByDescending(column => column == "id").ToList();
        if (keys.Count > 1)
        {
            unsure.Add($"id: {keys[0]}; {string.Join(" and ", keys.Skip(1))} would do as well");
        }

        return keys.FirstOrDefault()
            ?? throw new InvalidCorpusException(
                $"The table {table.Name} has no single column that tells its rows apart: it takes a primary key, or a unique index and "
                    + "NOT NULL, of uuid, bigint, integer or text.");
    }

    private static List<string> Texts(CatalogueTable table, string key, IReadOnlyList<string> references, List<string> unsure)
    {
        var all = table.Columns.Where(column => _textTypes.Contains(column.Value.Type) && column.Key != key).Select(column => column.Key)
            .Where(
                column =>
                    !_ours.Contains(column) && !references.Contains(column) && !column.EndsWith("_id", StringComparison.OrdinalIgnoreCase))
            .Where(column => column.IndexOfAny(['{', '}']) < 0).ToList();
        var written = all.Where(column => !table.Columns[column].IsGenerated).ToList();
        var telling = _telling.Where(word => written.Contains(word, StringComparer.OrdinalIgnoreCase))
            .Select(word => written.First(column => column.Equals(word, StringComparison.OrdinalIgnoreCase))).ToList();
        var chosen = telling.Count > 0 ? telling : written;
        if (chosen.Count == 0)
        {
            throw new InvalidCorpusException($"The table {table.Name} has no column with text to embed.");
        }

        var others = all.Except(chosen).Select(column => table.Columns[column].IsGenerated ? $"{column} (generated)" : column);
        unsure.Add(all.Count == chosen.Count ? $"text: all columns with text, {string.Join(", ", chosen)}"
            : $"text: {string.Join(", ", chosen)}; left out: {string.Join(", ", others)}");
        return chosen;
    }

    // updated_at, updatedAt and UpdatedAt alike.
    private static string Bare(string name) => name.Replace("_", "", StringComparison.Ordinal).ToLowerInvariant();

    private static void AddMoments(JsonObject declared, CatalogueTable table, List<string> unsure)
    {
        string? Moment(string[] names) => names.SelectMany(name => table.Columns.Where(column => Bare(column.Key) == Bare(name)))
            .Where(column => !column.Value.IsGenerated && ResolvedTable.IsMoment(column.Value.Type)).Select(column => column.Key)
                .FirstOrDefault();
        if (Moment(_changed) is { } changed)
        {
            declared["changedAt"] = changed;
        }
        else
        {
            unsure.Add("changedAt: no column tells when a row changed; edits are noticed by the trigger all the same");
        }

        if (Moment(_created) is { } created)
        {
            declared["createdAt"] = created;
        }
    }

    private static void AddFilter(JsonObject declared, CatalogueTable table, List<string> unsure)
    {
        var filter = new JsonArray();
        foreach (var (column, found) in table.Columns.Where(column => !column.Value.IsVirtual))
        {
            if (Bare(column) is "isremoved" or "isdeleted" or "isdraft" or "ishidden" or "removed" or "deleted" && found.Type == "boolean")
            {
                filter.Add(new JsonObject { ["column"] = column, ["equalTo"] = "false" });
            }
            else if (Bare(column) is "deletedat" or "removedat" && ResolvedTable.IsMoment(found.Type))
            {
                filter.Add(new JsonObject { ["column"] = column, ["isNull"] = true });
            }
        }

        if (filter.Count > 0)
        {
            declared["filter"] = filter;
            unsure.Add("filter: only rows with "
                + $"{string.Join(", ", filter.Select(one => one!["column"]!.ToString() + (one["equalTo"] is null ? " null" : " false")))}");
        }
    }

    // Columns that are there are the owner's.
    private static void AddNames(JsonObject declared, CatalogueTable table, string? vectors, List<string> unsure)
    {
        string Free(string name) => Enumerable.Range(2, 100).Select(i => $"{name}_{i}").First(other => !table.Columns.ContainsKey(other));
        if (vectors is not null)
        {
            declared["vector"] = Free(CorpusTable.DefaultVector);
            unsure.Add(
                $"vector: {vectors} vectors are there in {table.Name}.{CorpusTable.DefaultVector}, made by another program, so ours go to "
                    + $"{declared["vector"]}");
        }

        var taken = new OwnColumns().Always.Where(column => table.Columns.ContainsKey(column.Column)).ToList();
        if (taken.Count > 0)
        {
            declared["columns"] = new JsonObject(
                taken.Select(column => KeyValuePair.Create(column.Property, (JsonNode?)Free(column.Column))));
            unsure.Add(
                $"columns: {string.Join(", ", taken.Select(column => column.Column))} of {table.Name} are not ours, so ours have other "
                    + "names");
        }
    }

    private static void NotePartitions(IReadOnlyList<(string Column, string Table)> references, List<string> unsure)
    {
        foreach (var (column, other) in references)
        {
            unsure.Add($"partition: could be {column}, which refers to {other}; then 'partitions' must say which of them may embed");
        }
    }

    private static int Dimensions(CatalogueTable table, bool isLocal, List<string> unsure)
    {
        if (table.Columns.GetValueOrDefault("embedding") is { Type: "vector" or "halfvec", Modifier: > 0 } embedding)
        {
            return embedding.Modifier;
        }

        if (isLocal)
        {
            return EmbeddingSettings.LocalDimensions;
        }

        unsure.Add($"dimensions: {DefaultDimensions}; less takes less room and is searched faster");
        return DefaultDimensions;
    }

    // A name as declarations have it.
    private static string Word(string name)
    {
        const int Longest = 40;
        var word = string.Concat(name.ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' ? c : '_'))
            .TrimStart('_', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9');
        return word.Length == 0 ? "items" : word[..Math.Min(Longest, word.Length)];
    }
}
