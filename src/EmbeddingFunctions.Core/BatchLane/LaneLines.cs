using System.Security.Cryptography;
using System.Text;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.BatchLane;

/// <summary>
/// Deals with the lines of one batch: writes vectors where text and rule are still what was sent, and failures with their reasons.
/// </summary>
internal sealed class LaneLines(
    LaneItems items, BatchEmbedder embedder, IVectorCache cache, Redaction redaction, TimeProvider time, ResolvedCorpus corpus,
    RunInput input, Guid batch)
{
    private const int MostItems = 2_048;

    private static readonly TimeSpan _lookAgain = TimeSpan.FromMilliseconds(200);

    public string Model => corpus.Model;

    /// <summary>Lines with vectors.</summary>
    public int Embedded { get; private set; }

    /// <summary>A fault that no text is to blame for, or null.</summary>
    public string? Fault { get; private set; }

    /// <summary>A line that was dealt with before, or that is not the batch's, is passed over.</summary>
    public async Task Take(LaneReply reply, CancellationToken cancellation)
    {
        if (reply.Line is not { } number || await items.Find(batch, number, cancellation) is not { } line)
        {
            return;
        }

        var fault = reply.Fault ?? Misfit(reply, line);
        if (fault is { Fault: not (ProviderFault.Item or ProviderFault.TooManyTokens or ProviderFault.Reply) })
        {
            Fault ??= redaction.Clean(fault.Message);
            await items.End(new LaneLine(batch, number), cancellation);
            return;
        }

        if (fault is null)
        {
            Embedded++;
            // Before any row is written: what is paid for outlives this process and the rows' own troubles.
            await cache.Store(line.Fingerprints.Zip(reply.Vectors, (text, vector) => KeyValuePair.Create(text, vector))
                .Where(pair => pair.Key.Length > 0).ToList());
        }

        var vectors = line.Fingerprints.Zip(reply.Vectors).DistinctBy(pair => pair.First).ToDictionary();
        var (place, superseded) = (new LaneLine(batch, number, HasFailed: fault is not null), 0);
        foreach (var group in line.Groups)
        {
            superseded += await items.Superseded(place, corpus.TableOf(group.Kind), group.Partition, cancellation);
            await Write(place, group, (triage, claim, _, token) => Decide(triage, claim, vectors, fault, token), cancellation);
        }

        await (line.Groups is [var first, ..]
            ? items.End(input.RunId, place, first, superseded, reply.Tokens, cancellation)
            : items.End(place, cancellation));
    }

    private ProviderException? Misfit(LaneReply reply, OpenLine line) =>
        reply.Vectors.Count != line.Fingerprints.Length
            ? new(ProviderFault.Item, $"the answer has {reply.Vectors.Count} vectors for {line.Fingerprints.Length} inputs")
        : reply.Vectors.FirstOrDefault(vector => vector.Length != corpus.Corpus.Dimensions) is { IsEmpty: false } odd
            ? new(ProviderFault.Configuration,
                $"the provider's vectors have {odd.Length} dimensions, the corpus says {corpus.Corpus.Dimensions}")
        : reply.Vectors.Select(vector => CheckedEmbeddingGenerator.ProblemOf(vector.Span)).OfType<string>().FirstOrDefault() is { } problem
            ? new(ProviderFault.Item, $"the provider's vector cannot be used: it {problem}")
        : null;

    // The texts are read again with the claim: the vector of another one than the row's is not written.
    private async Task Decide(
        BatchTriage triage, Claim claim, Dictionary<string, ReadOnlyMemory<float>> vectors, ProviderException? fault,
        CancellationToken cancellation)
    {
        var others = triage.Texts.Select(text => text.Fingerprint).Where(text => !vectors.ContainsKey(text)).ToList();
        var cached = others.Count == 0 || fault is not null ? null
            : await cache.Find(others, claim.Table.Rule.Dimensions, input.Opened!.ForceBefore, cancellation);
        foreach (var text in triage.Texts)
        {
            if (fault is not null)
            {
                text.Failed(fault.Message);
            }
            else if (vectors.TryGetValue(text.Fingerprint, out var vector) || cached!.TryGetValue(text.Fingerprint, out vector))
            {
                text.Embedded(vector);
            }
        }
    }

    private async Task Write(LaneLine line, (string Kind, string Partition) of, DecideTexts decide, CancellationToken cancellation)
    {
        var order = new EmbedBatch(
            input.RunId, Id(line, of), corpus.Corpus.Name, of.Kind, of.Partition, MostItems, input.Opened!.ForceBefore)
        {
            Line = line
        };
        for (var part = 0; ;)
        {
            var embedded = await embedder.Embed(order.Part(part, MostItems), decide, cancellation);
            if (embedded.Counts.Claimed > 0)
            {
                part++;
            }
            else if (embedded.NoLane || await items.AreHeld(line, of.Kind, cancellation))
            {
                await Task.Delay(_lookAgain, time, cancellation);
            }
            else
            {
                return;
            }
        }
    }

    // The same whenever the line is taken again: what was written is not counted twice.
    private static Guid Id(LaneLine line, (string Kind, string Partition) of) =>
        new(SHA256.HashData(Encoding.UTF8.GetBytes($"{line.Batch} {line.Number} {of.Kind} {of.Partition}")).AsSpan(0, 16));
}
