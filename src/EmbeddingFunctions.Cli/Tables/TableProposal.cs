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

    // Stands where a person must say it.
    private const string Unknown = "…";

    private static readonly JsonSerializerOptions _json = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping
    };

    /// <param name="name">The table as the person called it.</param>
    /// <param name="table">The table, view or foreign table.</param>
    /// <param name="references">Columns that refer to other tables.</param>
    /// <param name="sample">What some of its rows show.</param>
    /// <param name="isLocal">Whether the vectors are the local model's.</param>
    /// <param name="vectors">How many vectors another program made, where the table has a column for them.</param>
    /// <exception cref="InvalidCorpusException">It has no key or no text.</exception>
    internal static TableProposal Of(
        string name, CatalogueTable table, IReadOnlyList<(string Column, string Table)> references, TableSample sample, bool isLocal,
        string? vectors)
    {
        var unsure = new List<string>();
        var key = table.IsTable ? Key(table, unsure) : GuessedKey(table, sample, unsure);
        var texts = Texts(table, key, references.Select(reference => reference.Column).ToList(), sample, unsure);
        var declared = new JsonObject
        {
            ["kind"] = Word(table.Name.Length > 2 && table.Name.EndsWith('s') ? table.Name[..^1] : table.Name),
            ["table"] = name,
        };
        declared[key.Count == 1 ? "id" : "key"] = key is [var only] ? only
            : new JsonArray(key.DefaultIfEmpty(Unknown).Select(one => (JsonNode)one).ToArray());
        declared["text"] = texts.Count == 1
            ? $"{{{texts[0]}}}"
            : $"{{{{{texts[0]}}}}}{string.Concat(texts.Skip(1).Select(text => $"{{. {{{text}}}}}"))}";
        AddMoments(declared, table, unsure);
        AddFilter(declared, table, unsure);
        if (vectors is not null)
        {
            unsure.Add(
                $"vectors: {vectors} are there in {table.Name}.{CorpusTable.DefaultVector}, made by another program; ours are kept in a "
                    + "table of their own, and these stay as they are");
        }

        NotePartitions(references, unsure);
        var corpus = new JsonObject { ["name"] = Word(table.Name), ["dimensions"] = Dimensions(table, isLocal, unsure) };
        if (table.Columns.GetValueOrDefault(CorpusTable.DefaultVector) is { Type: "halfvec" })
        {
            corpus["vectorType"] = "halfvec";
        }

        corpus["tables"] = new JsonArray(declared);
        var declaration = new JsonObject { ["corpora"] = new JsonArray(corpus) }.ToJsonString(_json);
        CorpusFile.Parse(declaration, "The proposal");
        return new TableProposal(declaration, unsure);
    }

    private static IReadOnlyList<string> Key(CatalogueTable table, List<string> unsure)
    {
        var keys = table.Columns.Where(column => column.Value.IsKey && CorpusResolver.KeyTypes.Contains(column.Value.Type))
            .Select(column => column.Key)
            .OrderByDescending(column => column == "id").ToList();
        if (keys.Count > 1)
        {
            unsure.Add($"id: {keys[0]}; {string.Join(" and ", keys.Skip(1))} would do as well");
        }

        return keys.Count > 0 ? keys[..1]
            : table.Keys.Where(key => key.Count > 1).MinBy(key => key.Count)
            ?? throw new InvalidCorpusException(
                $"The table {table.Name} has no column that tells its rows apart: it takes a primary key, or a unique index and NOT NULL, "
                    + "of uuid, bigint, integer or text, or of several columns.");
    }

    // Only a table says which of its columns are a key.
    private static string[] GuessedKey(CatalogueTable table, TableSample sample, List<string> unsure)
    {
        var what = table.KindInWords;
        var guess = KeyCandidates(table).FirstOrDefault(column => sample.Distinct.Contains(column));
        unsure.Add(guess is null
            ? $"key: no column of the {what} was seen to tell its rows apart; name those that do together, \"key\": [\"a\", \"b\"]"
            : $"id: {guess} is a guess, because a {what} has no key of its own; its values must tell all rows apart, or name the columns "
                + "that do, \"key\": [\"a\", \"b\"]");
        return guess is null ? [] : [guess];
    }

    /// <summary>Columns of a view or foreign table that may be its key, the likeliest first.</summary>
    internal static IEnumerable<string> KeyCandidates(CatalogueTable table) => table.Columns
        .Where(column => CorpusResolver.KeyTypes.Contains(column.Value.Type) && !_telling.Contains(Bare(column.Key)))
        .OrderByDescending(column => Bare(column.Key) == "id").ThenByDescending(column => column.Value.Type == "uuid")
        .ThenByDescending(column => Bare(column.Key).EndsWith("id", StringComparison.Ordinal)).Select(column => column.Key);

    /// <summary>Columns that a text may be within.</summary>
    internal static IEnumerable<string> JsonColumns(CatalogueTable table) =>
        table.Columns.Where(column => column.Value.Type is "json" or "jsonb").Select(column => column.Key);

    private static List<string> Texts(
        CatalogueTable table, IReadOnlyList<string> key, IReadOnlyList<string> references, TableSample sample, List<string> unsure)
    {
        var all = table.Columns.Where(column => _textTypes.Contains(column.Value.Type)).Select(column => column.Key)
            .Where(
                column =>
                    !key.Contains(column) && !_ours.Contains(column) && !references.Contains(column)
                        && !column.EndsWith("_id", StringComparison.OrdinalIgnoreCase) && !column.EndsWith("Id", StringComparison.Ordinal))
            .Where(column => column.IndexOfAny(['{', '}']) < 0).ToList();
        var written = all.Where(column => !table.Columns[column].IsGenerated).ToList();
        if (written.Count == 0)
        {
            return JsonTexts(table, sample, unsure);
        }

        var chosen = Telling(written);
        var others = all.Except(chosen).Select(column => table.Columns[column].IsGenerated ? $"{column} (generated)" : column);
        unsure.Add(all.Count == chosen.Count ? $"text: all columns with text, {string.Join(", ", chosen)}"
            : $"text: {string.Join(", ", chosen)}; left out: {string.Join(", ", others)}");
        return chosen;
    }

    private static List<string> JsonTexts(CatalogueTable table, TableSample sample, List<string> unsure)
    {
        var columns = JsonColumns(table).ToList();
        var chosen = columns.SelectMany(
            column => Telling(sample.JsonKeys.GetValueOrDefault(column, [])).Select(key => $"{column}->>{Sql.Literal(key)}"))
            .ToList();
        unsure.Add($"text: {string.Join(", ", chosen)}, as seen in some rows; {{column->'a'->>'b'}} reads deeper");
        return chosen.Count > 0 ? chosen : throw new InvalidCorpusException(
            columns.Count == 0 ? $"The table {table.Name} has no column with text to embed."
            : $"The table {table.Name} has no column with text to embed, and no key with a text was seen in "
                + $"{string.Join(" or ", columns)}: declare where the text is, \"text\": \"{{{columns[0]}->>'title'}}\".");
    }

    // Of names those that mean text to read, or all if there is none.
    private static List<string> Telling(IReadOnlyList<string> names)
    {
        var telling = _telling.SelectMany(
            word => names.Where(name => name.Equals(word, StringComparison.OrdinalIgnoreCase)).Take(1)).ToList();
        return telling.Count > 0 ? telling : [.. names];
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
            unsure.Add(table.IsTable
                ? "changedAt: no column tells when a row changed; edits are noticed by the trigger all the same"
                : "changedAt: no column tells when a row changed; each run compares the texts of all rows");
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
