using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Faults.Random;

/// <summary>What the provider and the database do in one round.</summary>
internal sealed class RandomFaults(FakeOpenAi fake, SqlFaults sql, System.Random random)
{
    private static readonly Fault[] _unpaid =
    [
        Fault.RateLimited(), Fault.RateLimited(retryAfterMs: TimeSpan.FromMilliseconds(150)), Fault.SlowDown(), Fault.Overloaded(),
        Fault.ServerError(),
        Fault.ServerError(503), Fault.ServerError(520), Fault.Status(408), Fault.ResetBeforeHeaders(), Fault.Html200(),
        Fault.ErrorObject200(),
    ];

    // The provider did the work and the reply was good for nothing: each costs its inputs once more.
    private static readonly Fault[] _paid =
    [
        Fault.ResetAfterHeaders(), Fault.ResetMidBody(), Fault.TruncatedBody(), Fault.CutJson(), Fault.DropVector(0), Fault.ExtraVector(),
        Fault.DuplicateIndex(),
        Fault.NaN(0), Fault.ZeroVector(0), Fault.MixedDimensions(0), Fault.BadBase64(0), Fault.EmptyData(),
    ];

    private static readonly Fault[] _harmless = [
        Fault.Shuffle(), Fault.FloatsThoughBase64Asked(), Fault.Hang(TimeSpan.FromMilliseconds(300))];

    private readonly List<string> _names = [];

    /// <summary>For the round's line.</summary>
    public string Names => _names.Count == 0 ? "none" : string.Join('+', _names);

    public void OfTheProvider()
    {
        fake.Script(Requests.WithInput(RandomRows.IsPoison), Fault.BadInput());
        foreach (var (name, faults, most) in new[] { ("unpaid", _unpaid, 0.3), ("paid", _paid, 0.15), ("odd", _harmless, 0.3) })
        {
            if (random.Next(2) == 0)
            {
                var seed = random.Next();
                fake.Script(Requests.AtRandom(random.NextDouble() * most, seed), Fault.OneOf(seed, faults));
                _names.Add(name);
            }
        }
    }

    /// <summary>The provider is well again, and refuses what it always refuses.</summary>
    public void End()
    {
        fake.ClearScript();
        fake.Script(Requests.WithInput(RandomRows.IsPoison), Fault.BadInput());
    }

    /// <summary>Whether what met this fault was paid for and came to nothing.</summary>
    public static bool IsPaid(string? fault) => _paid.Any(paid => paid.Name == fault);

    /// <summary>Whether an item failed because of such a reply.</summary>
    public static bool IsOfAReply(string problem) => problem.Contains("(the provider's reply is ", StringComparison.Ordinal)
        || problem.Contains("(the provider's vector cannot be used: ", StringComparison.Ordinal);

    /// <summary>One fault of the database, for a moment.</summary>
    public async Task OfTheDatabase()
    {
        var moment = TimeSpan.FromMilliseconds(random.Next(50, 600));
        switch (random.Next(6))
        {
            case 0:
                _names.Add("sessions");
                await sql.EndSessions();
                break;
            case 1:
                _names.Add("lock");
                await using (await sql.Lock(random.Next(2) == 0 ? "issues" : "embedding.claims"))
                {
                    await Task.Delay(moment);
                }

                break;
            case 2:
                _names.Add("slow");
                await Obstruct(() => sql.Slow(TimeSpan.FromMilliseconds(20)), moment);
                break;
            default:
                var state = new[] { "40001", "40P01", "53100", "57014", "25006" }[random.Next(5)];
                _names.Add(state);
                await Obstruct(() => sql.Refuse(state, 0.3), moment);
                break;
        }
    }

    private async Task Obstruct(Func<Task> begin, TimeSpan moment)
    {
        await begin();
        await Task.Delay(moment);
        await sql.StopRefusing();
    }
}
