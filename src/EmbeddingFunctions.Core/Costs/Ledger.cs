using System.Text.Json;
using System.Text.Json.Serialization;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Costs;

/// <summary>
/// Enters every request of this process into <c>embedding.requests</c> before it is sent, within the caps, and afterwards what became of
/// it. One statement takes all that waits: outcomes ride on the next request's, or follow within a second.
/// </summary>
internal sealed class Ledger(NpgsqlDataSource database, EmbeddingSettings settings, DatabaseOutages outages, TimeProvider time)
    : IAsyncDisposable, IDisposable
{
    private const string Work = "the ledger of requests";

    private static readonly TimeSpan _soon = TimeSpan.FromSeconds(1);

    // A process that is to end does not wait longer for its database.
    private static readonly TimeSpan _lastTries = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _timeout = TimeSpan.FromSeconds(5);

    private static readonly JsonSerializerOptions _json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Cooldown _cooldown = new(time);
    private readonly CancellationTokenSource _disposing = new();
    private readonly Lock _lock = new();
    private List<Opening> _opening = [];
    private List<LedgerEntry> _settled = [];
    private bool _isFlushScheduled;

    public Caps Caps { get; } = Caps.Of(settings);

    /// <summary>
    /// Enters a request that is about to be sent. Without caps a ledger that cannot be written keeps no request from being sent: the entry
    /// follows with the outcome.
    /// </summary>
    /// <exception cref="ProviderException">A cap does not allow it, or it cannot be known whether one does.</exception>
    public async Task Open(LedgerEntry entry, CancellationToken cancellation)
    {
        if (IsCapped(entry) && entry.Dollars is null)
        {
            throw new ProviderException(
                ProviderFault.Configuration,
                $"a cap of dollars is set, and the price of {entry.Model} is not known: name it in the file of EMBEDDING_PRICES_FILE")
            {
                IsLocal = true,
            };
        }

        var opening = new Opening(entry);
        lock (_lock)
        {
            _opening.Add(opening);
        }

        await EnterTurn(opening, cancellation);
        try
        {
            if (!opening.IsDone)
            {
                await Write();
            }
        }
        finally
        {
            _turn.Release();
        }

        if (opening.Refusal is { } refusal)
        {
            throw refusal;
        }
    }

    /// <summary>Notes what became of a request; the entry is written soon.</summary>
    public void Settle(LedgerEntry entry)
    {
        lock (_lock)
        {
            _settled.Add(entry);
            if (_isFlushScheduled)
            {
                return;
            }

            _isFlushScheduled = true;
        }

        _ = FlushSoon();
    }

    /// <summary>Writes what is not written yet.</summary>
    public async Task Flush()
    {
        await _turn.WaitAsync();
        try
        {
            if (_settled.Count > 0)
            {
                await Write();
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _disposing.CancelAsync();
        // What was spent is not to be forgotten because the database fails at this moment.
        var begun = time.GetTimestamp();
        _cooldown.End();
        await Flush();
        while (_settled.Count > 0 && time.GetElapsedTime(begun) < _lastTries)
        {
            await Task.Delay(_soon, time);
            _cooldown.End();
            await Flush();
        }
    }

    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    private async Task EnterTurn(Opening opening, CancellationToken cancellation)
    {
        try
        {
            await _turn.WaitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            bool isTaken;
            lock (_lock)
            {
                isTaken = !_opening.Remove(opening);
            }

            if (isTaken)
            {
                Settle(opening.Entry with { Tokens = 0, Dollars = opening.Entry.Dollars * 0, Outcome = RequestOutcome.Unreached });
            }

            throw;
        }
    }

    private async Task FlushSoon()
    {
        try
        {
            await Task.Delay(_soon, time, _disposing.Token);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        lock (_lock)
        {
            _isFlushScheduled = false;
        }

        await Flush();
    }

    // The caller has the turn. Not cancelled with it: others' entries are in it too.
    private async Task Write()
    {
        List<Opening> opening;
        List<LedgerEntry> settled;
        lock (_lock)
        {
            (opening, settled, _opening, _settled) = (_opening, _settled, [], []);
        }

        try
        {
            if (_cooldown.IsActive)
            {
                throw new TimeoutException("the database failed a moment ago");
            }

            var entries = JsonSerializer.Serialize(settled.Concat(opening.Select(one => one.Entry)), _json);
            var refused = await database.QueryAsync(
                $"SELECT request, cap, spent, most FROM embedding.record_requests({entries}::jsonb, {Caps.Day}, {Caps.Month})",
                row => (Id: row.GetGuid(0), Cap: row.GetString(1), Spent: row.GetDecimal(2), Most: row.GetDecimal(3)),
                CancellationToken.None, _timeout);
            foreach (var (id, cap, spent, most) in refused)
            {
                var one = opening.Find(one => one.Entry.Id == id)!;
                one.Refusal = Caps.Reached(cap, spent, most, one.Entry.Dollars ?? 0);
            }

            outages.Answered(Work);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedFunction or PostgresErrorCodes.InvalidSchemaName)
        {
            // A database of an earlier version has no ledger.
            Refuse(opening, ProviderFault.Configuration, "the database has no ledger yet: run 'embeddings migrate'");
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or ObjectDisposedException)
        {
            if (e is not PostgresException)
            {
                _cooldown.Start();
            }

            outages.Failed(Work, e);
            Refuse(opening, ProviderFault.Transient, "the ledger cannot be written at the moment");
            Keep(settled, e);
        }
        finally
        {
            opening.ForEach(one => one.IsDone = true);
        }
    }

    private void Refuse(List<Opening> opening, ProviderFault fault, string why)
    {
        foreach (var one in opening.Where(one => IsCapped(one.Entry)))
        {
            one.Refusal = new ProviderException(fault, $"a cap of dollars is set, and {why}") { IsLocal = true };
        }
    }

    private bool IsCapped(LedgerEntry entry) => Caps.AreSet || entry.IsCapped;

    private void Keep(List<LedgerEntry> settled, Exception fault)
    {
        if (fault is not PostgresException || WriteFaults.IsTransient(fault)
            || fault is PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction })
        {
            settled.ForEach(Settle);
        }
    }

    private sealed class Opening(LedgerEntry entry)
    {
        public LedgerEntry Entry => entry;

        public bool IsDone { get; set; }

        public ProviderException? Refusal { get; set; }
    }
}
