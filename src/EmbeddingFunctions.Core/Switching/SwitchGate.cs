using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Switching;

/// <summary>What the generation that is not live lacks to be it.</summary>
internal sealed class SwitchGate(NpgsqlDataSource database, SourceChanges changes, StatusReport status, IndexProbe probe)
{
    private const double LeastRecall = 0.95;
    private const double MostOfLiveP95 = 1.5;

    // Below this a search is as fast as any, and the ratio of two is noise.
    private const double FastEnough = 5;

    /// <summary>How the kinds of the other generation stand; recall and speed are measured on request.</summary>
    public async Task<IReadOnlyList<SwitchedKind>> Look(
        ResolvedCorpus live, ResolvedCorpus other, bool isMeasured, CancellationToken cancellation)
    {
        var kinds = new List<SwitchedKind>();
        var counts = (await status.Of(other.Corpus.Name, cancellation)).Kinds;
        // After the other's, so that what waits there is known to wait here too.
        await changes.Settle(live, cancellation);
        foreach (var kind in counts)
        {
            var counted = new SwitchedKind(
                kind.Kind, kind.Total, kind.Embedded + kind.Empty + kind.Ignored, kind.Failed,
                await Behind(live, other, kind.Kind, cancellation));
            kinds.Add(isMeasured ? await Measured(counted, live, other, cancellation) : counted);
        }

        return kinds;
    }

    private async Task<long> Behind(ResolvedCorpus live, ResolvedCorpus other, string kind, CancellationToken cancellation)
    {
        var (next, now) = (other.TableOf(kind).WithRow("n."), live.Tables.FirstOrDefault(table => table.Kind == kind)?.WithRow("l."));
        var isCurrent = now is null ? Sql.Empty
            : !now.IsBeside ? Sql.Of($"AND COALESCE({now.WithRow("n.").Pending}, false) IS FALSE")
            : Sql.Of(
                $"""
                AND    NOT EXISTS (
                    SELECT FROM {now.Target} l
                    WHERE  {CompanionTable.SameKey(next, Sql.Of($"l."), Sql.Of($"n."))} AND COALESCE({now.Pending}, false))
                """);
        return await database.ScalarAsync<long>(
            $"""
            SELECT count(*) FROM {next.Target} n
            WHERE  {next.Pending} {other.AndIsActive(next)} {isCurrent}
            AND    NOT EXISTS (
                SELECT FROM embedding.claims c
                WHERE  c.corpus = {other.Corpus.Name} AND c.kind = {kind} AND c.item_id = {next.Id}::text AND c.reason IS NOT NULL)
            """,
            cancellation, Sql.TimeoutOfCounts);
    }

    private async Task<SwitchedKind> Measured(
        SwitchedKind kind, ResolvedCorpus live, ResolvedCorpus other, CancellationToken cancellation)
    {
        var quality = await probe.Measure(other.TableOf(kind.Kind), cancellation);
        if (live.Tables.FirstOrDefault(table => table.Kind == kind.Kind) is not { } old)
        {
            return kind with { Recall = quality?.Recall, P95 = quality?.P95 };
        }

        return kind with
        {
            Recall = quality?.Recall,
            P95 = quality?.P95,
            LiveP95 = (await probe.Measure(old, cancellation))?.P95,
            Overlap = await probe.Overlap(old, other.TableOf(kind.Kind), cancellation),
        };
    }

    /// <returns>What keeps it from being flipped, a sentence each.</returns>
    public static IEnumerable<string> Obstacles(SwitchState state, bool isMeasured)
    {
        foreach (var kind in state.Kinds)
        {
            if (kind.Behind > 0)
            {
                yield return $"{kind.Behind:N0} of {kind.Total:N0} {kind.Kind} wait for their vector";
            }

            if (isMeasured && kind.Recall < LeastRecall)
            {
                yield return $"the index finds {kind.Recall:P1} of the true neighbours of {kind.Kind}, and {LeastRecall:P0} are wanted";
            }

            if (kind is { P95: { } next, LiveP95: { } live } && next > FastEnough && next > MostOfLiveP95 * live)
            {
                yield return $"a search of {kind.Kind} takes {next:N1} ms where the live index takes {live:N1}";
            }
        }
    }
}
