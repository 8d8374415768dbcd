namespace EmbeddingFunctions.Faults.Random;

/// <param name="Said">By each worker, for the person who looks into a failed round.</param>
internal sealed record RoundOutcome(
    int Seed, int Rows, string Faults, int Workers, int Kills, int Requests, long PaidTwice, TimeSpan Took, IReadOnlyList<string> Wrong,
    IReadOnlyList<string> Said)
{
    public bool IsWell => Wrong.Count == 0;

    public override string ToString() =>
        $"seed {Seed}: {Rows} rows, {Workers} workers, {Kills} killed, {Requests} requests, {PaidTwice} paid twice, {Faults}, "
            + $"{Took.TotalSeconds:0.0} s: "
        + (IsWell ? "well" : $"WRONG\n  {string.Join("\n  ", Wrong)}");
}
