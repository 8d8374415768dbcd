using System.Collections.Concurrent;
using EmbeddingFunctions.Storage;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions.Batches;

/// <summary>Claims: the leased right to embed an item, by the database's clock, one statement each.</summary>
internal sealed class ClaimStore(NpgsqlDataSource database, TimeProvider time, ILogger<ClaimStore> log)
{
    public const int MaxAttempts = 3;

    /// <summary>
    /// A batch holds more than its first item only while their texts together are no longer: they, and the vectors of their chunks, must
    /// fit into memory. In bytes of UTF-8, which Postgres knows of a text without decompressing it.
    /// </summary>
    public const int MaxBytes = 4_000_000;

    // Of a batch of several items, by estimate.
    private const int MaxChunks = 2_000;
    private const int BytesPerToken = 3;
    private const int Position = 9;
    private const int Rule = 10;

    /// <summary>How long a claim holds unless it is renewed.</summary>
    public static readonly TimeSpan LeaseTime = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long an item whose text is in a batch on the provider's lane is left alone by other runs: the provider answers within 24 hours.
    /// Its claim has no lease and no reason, only this wait, which ends with an edit.
    /// </summary>
    public static readonly TimeSpan LaneTime = TimeSpan.FromHours(26);

    // Newer rows than those that were claimed a moment ago wait no longer than this.
    private static readonly TimeSpan _placeIsKept = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<(string, string), SemaphoreSlim> _turns = new();
    private readonly ConcurrentDictionary<(string, string, string), ClaimPlace> _places = new();

    /// <summary>
    /// Claims and loads the next items, newest first; an attempt is charged now, so that an item that ends its worker runs out of them.
    /// Returns no items if the batch is already recorded (a repeated command must not become a second batch), if all lanes of the partition
    /// are taken, if the run is to be cancelled, or while another process claims from the partition.
    /// </summary>
    public async Task<Claim> Take(ResolvedCorpus corpus, EmbedBatch batch, CancellationToken cancellation)
    {
        var token = Guid.CreateVersion7();
        // Of this process one claims at a time, so that the others' connections are free.
        var turn = _turns.GetOrAdd((corpus.Corpus.Name, batch.Partition), _ => new SemaphoreSlim(1, 1));
        await turn.WaitAsync(cancellation);
        try
        {
            var place = PlaceOf(batch);
            var claim = await Take(corpus, batch, token, place, cancellation);
            return claim is { HadTurn: true, Items.Count: 0 } && place is not null
                ? await Take(corpus, batch, token, null, cancellation) : claim;
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task<Claim> Take(
        ResolvedCorpus corpus, EmbedBatch batch, Guid token, ClaimPlace? after, CancellationToken cancellation)
    {
        var table = corpus.TableOf(batch.Kind);
        var (hadTurn, items, last) = (false, new List<ClaimedItem>(), (string?)null);
        await database.ReadAsync(
            [ClaimStatements.TakeTurn(corpus, batch.Partition), ClaimStatements.Take(corpus, batch, token, after)], cancellation,
            row => hadTurn = row.GetString(0) == "true",
            row =>
            {
                items.Add(Item(row, table.Template.Columns.Count));
                last = row.Text(Position);
            });
        // Of a batch that was not filled, the next one looks from the beginning.
        if (items.Count == batch.Count && batch is { ForceBefore: null, Line: null } && (last is not null || table.Moved is null))
        {
            _places[Key(batch)] = new ClaimPlace(batch.RunId, items[^1].Id, last, after?.At ?? time.GetTimestamp());
        }
        else
        {
            _places.TryRemove(Key(batch), out _);
        }

        return new Claim(corpus, table, batch.RunId, batch.Partition, token, items, IsForced: batch.ForceBefore is not null)
        {
            HadTurn = hadTurn,
            Inputs = batch.Inputs,
        };
    }

    private ClaimPlace? PlaceOf(EmbedBatch batch) =>
        batch.Line is null && _places.TryGetValue(Key(batch), out var place) && place.RunId == batch.RunId
            && time.GetElapsedTime(place.At) < _placeIsKept ? place : null;

    private static (string, string, string) Key(EmbedBatch batch) => (batch.Corpus, batch.Kind, batch.Partition);

    /// <summary>Whether another batch of the partition may be in flight, of whatever items.</summary>
    public Task<bool> HasFreeLane(ResolvedCorpus corpus, string partition, CancellationToken cancellation) => database.ScalarAsync<bool>(
        $"SELECT NOT {ClaimStatements.SuspectInFlight(corpus)} {ClaimStatements.AndLaneIsFree(corpus, partition)}", cancellation);

    /// <summary><see cref="MaxBytes"/>, or of texts that are embedded in small chunks as many as make some thousand chunks.</summary>
    public static int MaxBytesOf(ResolvedTable table) => table.Chunks is not { } chunks ? MaxBytes
        : (int)Math.Min(MaxBytes, (long)MaxChunks * BytesPerToken * (chunks.MaxTokens - chunks.OverlapTokens));

    /// <returns>How many items the claim still holds.</returns>
    public Task<int> Renew(Claim claim, CancellationToken cancellation) =>
        database.ExecuteAsync(ClaimStatements.Renew(claim), cancellation);

    /// <summary>
    /// Has items fail that a policy lets this role see and not change: no statement can lock them, and no run would ever be done with them.
    /// To be asked when a claim found none of the items that were planned.
    /// </summary>
    public async Task RefuseUnwritable(ResolvedCorpus corpus, EmbedBatch batch, CancellationToken cancellation)
    {
        try
        {
            await database.ExecuteAsync(ClaimStatements.RefuseUnwritable(corpus, batch), cancellation);
        }
        catch (PostgresException e) when (WriteFaults.IsLocked(e))
        {
            log.RowsAreLocked(batch.Kind, corpus.Corpus.Name);
        }
    }

    /// <summary>Gives up what the batch still holds, without charge.</summary>
    public Task ReleaseUncharged(Claim claim, CancellationToken cancellation) =>
        database.ExecuteAsync(ClaimStatements.ReleaseUncharged(claim), cancellation);

    private static ClaimedItem Item(NpgsqlDataReader row, int texts)
    {
        const int FirstText = Rule + 1;
        return new(
            row.GetString(0), (byte[])row.GetValue(1), row.Texts(FirstText, texts), row.Text(2), row.Text(3), row.GetBoolean(4),
            row.GetInt32(5), row.Text(6), row.GetBoolean(7), row.GetBoolean(8))
        {
            EditedAt = EditTime.In(row.Text(Rule)),
        };
    }
}

/// <summary>The last item of a batch: where the next batch of the run goes on, instead of passing over all that are in flight.</summary>
/// <param name="Position">When it changed or was created, as Postgres writes it, where the items are in this order.</param>
/// <param name="At">When the run's claims last began with the newest item, by the process's clock.</param>
internal sealed record ClaimPlace(Guid RunId, string Id, string? Position, long At);
