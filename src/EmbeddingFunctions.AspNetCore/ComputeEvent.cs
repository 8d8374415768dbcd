using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>The event <c>embeddings/compute.requested</c>, or its data alone; its faults are reported field by field.</summary>
internal sealed class ComputeEvent
{
    public const string Name = "embeddings/compute.requested";

    public const int MaxIdLength = 255;

    private static readonly string[] _envelope = RequestBody.FieldsOf<ComputeEnvelope>();
    private static readonly string[] _fields = RequestBody.FieldsOf<ComputeData>();

    private readonly CorpusSet _corpora;
    private readonly Corpus _default;
    private readonly Dictionary<string, string[]> _errors = [];
    private readonly JsonElement _data;
    private readonly string _prefix = "";

    private ComputeEvent(JsonElement json, CorpusSet corpora, Corpus defaultCorpus)
    {
        (_corpora, _default) = (corpora, defaultCorpus);
        _data = json;
        if (json.ValueKind != JsonValueKind.Object)
        {
            Refuse("$", "is no JSON object; send {\"name\":\"" + Name + "\",\"data\":{}}, or the data alone.");
        }
        else if (json.TryGetProperty("data", out var data) || json.TryGetProperty("name", out _))
        {
            (_data, _prefix) = (data, "data.");
            ReadEnvelope(json);
        }
    }

    /// <summary>The sender's id of the event.</summary>
    public string? Id { get; private set; }

    /// <summary>Fields that cannot be used, each with its reason; empty: the event is right.</summary>
    public IReadOnlyDictionary<string, string[]> Errors => _errors;

    public RunRequest? Request { get; private set; }

    /// <summary>The field that names the partition, for the message that there is no such partition.</summary>
    public string PartitionField => $"{_prefix}repositoryId";

    /// <param name="json">The request's body.</param>
    /// <param name="idempotencyKey">The header, for senders without events.</param>
    /// <param name="corpora">Those that may be named.</param>
    /// <param name="defaultCorpus">Is meant where none is named.</param>
    public static ComputeEvent Read(JsonElement json, string? idempotencyKey, CorpusSet corpora, Corpus defaultCorpus)
    {
        var read = new ComputeEvent(json, corpora, defaultCorpus);
        read.ReadKey(idempotencyKey);
        if (read._data.ValueKind == JsonValueKind.Object)
        {
            read.RefuseOthers(read._data, _fields, read._prefix);
            read.Request = read.ReadData();
        }
        else if (read._errors.Count == 0)
        {
            read.Refuse("data", "is missing, or is no JSON object.");
        }

        return read;
    }

    private void ReadEnvelope(JsonElement json)
    {
        RefuseOthers(json, _envelope, "");
        if (!json.TryGetProperty("name", out var name) || name.ValueKind != JsonValueKind.String || name.GetString() != Name)
        {
            Refuse("name", $"is missing, or is not '{Name}', the only event that is taken here.");
        }

        if (json.TryGetProperty("id", out var id) && id.ValueKind != JsonValueKind.Null)
        {
            Id = id.ValueKind == JsonValueKind.String ? Checked("id", id.GetString()!) : Refused("id", "is no string.");
        }
    }

    private void ReadKey(string? key)
    {
        if (key is not null && Id is not null && key != Id)
        {
            Refuse("Idempotency-Key", "differs from the event's id: send one of them.");
        }

        Id ??= key is null ? null : Checked("Idempotency-Key", key);
    }

    private string? Checked(string field, string id) =>
        id.Length is 0 or > MaxIdLength || id.Any(char.IsControl)
            ? Refused(field, $"is not 1 to {MaxIdLength} characters, or has control characters.")
            : id;

    private RunRequest? ReadData()
    {
        var corpus = ReadCorpus();
        var kinds = corpus is null ? [] : ReadKinds(corpus);
        return new RunRequest(corpus?.Name ?? "", kinds, ReadPartition(), ReadLimit(), ReadForce()) { MaxDollars = ReadMaxCost() };
    }

    private Corpus? ReadCorpus()
    {
        if (Field("corpus") is not { } value)
        {
            return _default;
        }

        var corpus = value.ValueKind == JsonValueKind.String ? _corpora.Find(value.GetString()!) : null;
        if (corpus is null)
        {
            var declared = string.Join(", ", _corpora.Declared.Select(c => c.Name));
            Refuse($"{_prefix}corpus", $"names no declared corpus; declared are: {declared}.");
        }

        return corpus;
    }

    // A kind, or as the seed's events have it, its table.
    private List<string> ReadKinds(Corpus corpus)
    {
        var value = Field("itemTypes");
        if (value is null)
        {
            return [];
        }

        var names = value.Value.ValueKind == JsonValueKind.Array ? value.Value.EnumerateArray().ToList() : [value.Value];
        var tables = names.Select(name => name.ValueKind == JsonValueKind.String
            ? corpus.Tables.FirstOrDefault(table => table.Kind == name.GetString() || table.Table == name.GetString()) : null).ToList();
        if (tables.Count == 0 || tables.Contains(null))
        {
            Refuse(
                $"{_prefix}itemTypes",
                $"is no list of item types of '{corpus.Name}', which are: {string.Join(", ", corpus.Tables.Select(t => t.Kind))}.");
        }

        return tables.OfType<CorpusTable>().Select(table => table.Kind).Distinct().ToList();
    }

    private string? ReadPartition()
    {
        var value = Field("repositoryId");
        var partition = value?.ValueKind switch
        {
            JsonValueKind.String => value.Value.GetString(),
            JsonValueKind.Number => value.Value.GetRawText(),
            _ => null,
        };
        if (value is not null && (string.IsNullOrEmpty(partition) || partition.Contains('\0')))
        {
            Refuse(PartitionField, "is no id: write it as a string.");
        }

        return partition;
    }

    private int? ReadLimit()
    {
        if (Field("limit") is not { } value)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var limit) && limit > 0)
        {
            return limit;
        }

        Refuse($"{_prefix}limit", $"is no whole number from 1 to {int.MaxValue}.");
        return null;
    }

    private decimal? ReadMaxCost()
    {
        if (Field("maxCost") is not { } value)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out var dollars) && dollars > 0)
        {
            return dollars;
        }

        Refuse($"{_prefix}maxCost", "is no number of dollars above zero.");
        return null;
    }

    private bool ReadForce()
    {
        var value = Field("forceRegenerate");
        if (value is not null && value.Value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
        {
            Refuse($"{_prefix}forceRegenerate", "is neither true nor false.");
        }

        return value?.ValueKind == JsonValueKind.True;
    }

    private JsonElement? Field(string name) =>
        _data.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private void RefuseOthers(JsonElement json, string[] known, string prefix)
    {
        foreach (var property in json.EnumerateObject().Where(property => !known.Contains(property.Name)))
        {
            Refuse($"{prefix}{property.Name}", $"is not known here; known are: {string.Join(", ", known)}.");
        }
    }

    private string? Refused(string field, string reason)
    {
        Refuse(field, reason);
        return null;
    }

    private void Refuse(string field, string reason) => _errors.TryAdd(field, [$"{field} {reason}"]);
}

/// <summary>The event: its data, with what senders put round them.</summary>
/// <param name="Id">The same id twice is the same run.</param>
internal sealed record ComputeEnvelope(
    [property: AllowedValues(ComputeEvent.Name)] string Name, ComputeData Data,
    [property: MaxLength(ComputeEvent.MaxIdLength)] string? Id = null, object? Ts = null, object? User = null, object? V = null);

/// <summary>What a run is to do.</summary>
/// <param name="Corpus">Default: the first declared corpus that the database was migrated for.</param>
/// <param name="RepositoryId">Only this partition.</param>
/// <param name="ItemTypes">Only these kinds, or their tables.</param>
/// <param name="ForceRegenerate">Embed items whose vector is current as well.</param>
/// <param name="Limit">At most this number of items.</param>
/// <param name="MaxCost">
/// The most dollars that the run may spend; it ends as cap_reached before it spends more. Such a run takes no other event's work.
/// </param>
internal sealed record ComputeData(
    string? Corpus = null, string? RepositoryId = null, IReadOnlyList<string>? ItemTypes = null, bool? ForceRegenerate = null,
    [property: Range(1, int.MaxValue)] int? Limit = null, decimal? MaxCost = null);
