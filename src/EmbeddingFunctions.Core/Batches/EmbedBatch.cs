using System.Buffers.Binary;
using System.Text.Json.Serialization;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Batches;

/// <summary>
/// The order to embed up to a number of pending items of one kind and partition, in one batch or in several, one after the other.
/// </summary>
/// <param name="Partition">The partition's key as text.</param>
/// <param name="ForceBefore">Forced: all items last embedded before then, changed or not.</param>
/// <param name="IsScheduled">Only items that the declaration leaves to the schedule.</param>
/// <param name="Selection">Only these of the items; null: all.</param>
internal sealed record EmbedBatch(
    Guid RunId, Guid BatchId, string Corpus, string Kind, string Partition, int Count, DateTimeOffset? ForceBefore,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool IsScheduled = false,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Selection? Selection = null)
{
    /// <summary>Items a batch; null: all in one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? BatchSize { get; init; }

    /// <summary>Whether it was not declared: each batch then has as many as have shown to be best by its time.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsSizeAutomatic { get; init; }

    /// <summary>Texts of a request, where a batch is several requests; null: as many as one takes.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Inputs { get; init; }

    /// <summary>Whether the run may spend only so much.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsCapped { get; init; }

    /// <summary>The line of a batch that has come back, whose items are to be written; null: items that are pending.</summary>
    [JsonIgnore]
    public LaneLine? Line { get; init; }

    /// <summary>One of the order's batches, with an id of its own that is the same whenever the order is repeated.</summary>
    internal EmbedBatch Part(int index, int count)
    {
        var id = BatchId.ToByteArray();
        BinaryPrimitives.WriteInt32LittleEndian(id.AsSpan(12), BinaryPrimitives.ReadInt32LittleEndian(id.AsSpan(12)) ^ index);
        return this with { BatchId = new Guid(id), Count = count, BatchSize = null };
    }

    internal PendingScope Scope => ForceBefore is not null ? PendingScope.Forced : IsScheduled ? PendingScope.Scheduled : PendingScope.All;
}

/// <summary>A line of a batch on the provider's batch lane, as <c>embedding.lane_items</c> has it.</summary>
internal sealed record LaneLine(Guid Batch, int Number, bool HasFailed = false);

/// <summary>What a batch did, as committed.</summary>
/// <param name="RetryAt">The provider is to be left alone until then; what it had not answered was given back, and no item was
/// charged.</param>
/// <param name="NoLane">Nothing was claimed, as other runs have all batches of the partition in flight that it may.</param>
/// <param name="Stop">Why the run must stop: a fault of key, quota, model or configuration, or a cap of dollars.</param>
/// <param name="IsCapReached">Whether it is a cap.</param>
/// <param name="IsPaused">Nothing was claimed, as a person has paused the corpus.</param>
internal sealed record EmbeddedBatch(
    BatchCounts Counts, DateTimeOffset? RetryAt = null, string? RetryReason = null, string? Stop = null, bool NoLane = false,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool IsCapReached = false,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool IsPaused = false);

/// <summary>What became of the items of a run or a batch, and what it cost.</summary>
public sealed record BatchCounts
{
    /// <summary>Items taken on; not those given back.</summary>
    public int Claimed { get; init; }

    /// <summary>Items that got a vector of their present text.</summary>
    public int Embedded { get; init; }

    /// <summary>Items whose vector was already of their present text.</summary>
    public int Unchanged { get; init; }

    /// <summary>Embedded from a cache, without a call.</summary>
    public int Cached { get; init; }

    /// <summary>What the cached would have cost, by estimate.</summary>
    public long SavedTokens { get; init; }

    /// <summary>Items with nothing to embed.</summary>
    public int Empty { get; init; }

    /// <summary>Edited, moved or deleted during the call: nothing was written to them.</summary>
    public int Changed { get; init; }

    /// <summary>Items that got no vector; the status has the reasons.</summary>
    public int Failed { get; init; }

    /// <summary>Requests sent to the provider, retries included.</summary>
    public int Requests { get; init; }

    /// <summary>Tokens charged by the provider.</summary>
    public long Tokens { get; init; }

    /// <summary>Items whose rows are now settled: with a vector, or known to need none.</summary>
    public int Processed => Embedded + Unchanged + Empty;

    /// <summary>Items whose claims are ended.</summary>
    internal int Settled => Processed + Changed + Failed;

    /// <summary>Adds each count.</summary>
    public static BatchCounts operator +(BatchCounts a, BatchCounts b) => new()
    {
        Claimed = a.Claimed + b.Claimed,
        Embedded = a.Embedded + b.Embedded,
        Unchanged = a.Unchanged + b.Unchanged,
        Cached = a.Cached + b.Cached,
        SavedTokens = a.SavedTokens + b.SavedTokens,
        Empty = a.Empty + b.Empty,
        Changed = a.Changed + b.Changed,
        Failed = a.Failed + b.Failed,
        Requests = a.Requests + b.Requests,
        Tokens = a.Tokens + b.Tokens,
    };

    /// <inheritdoc cref="op_Addition"/>
    public static BatchCounts Add(BatchCounts left, BatchCounts right) => left + right;
}
