using System.Collections.Immutable;

namespace EmbeddingFunctions.Limits;

/// <summary>What all who call one model of one provider share, and how it changes. Times are by the clock of where it is kept.</summary>
internal sealed record FlowState
{
    private static readonly TimeSpan _told = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan _longestPause = TimeSpan.FromMinutes(5);

    // Of keys that nobody uses any more nothing need be known.
    private static readonly TimeSpan _keyForgotten = TimeSpan.FromDays(1);

    public Pace Pace { get; init; } = new();

    /// <summary>Limits that the provider itself has named.</summary>
    public ToldLimits? Told { get; init; }

    /// <summary>The provider wants to be left alone, by whatever key.</summary>
    public Closure? Pause { get; init; }

    /// <summary>Whether the model has ever answered: if so, an address at which nothing listens is an outage, else a mistake.</summary>
    public bool HasAnswered { get; init; }

    /// <summary>By a name for the key that says nothing of the key.</summary>
    public ImmutableSortedDictionary<string, KeyState> Keys { get; init; } = ImmutableSortedDictionary<string, KeyState>.Empty;

    /// <summary>Whether a request may go, and when; what it needs is then taken.</summary>
    public (FlowState Next, Answer Answer) Ask(Question question, DateTimeOffset now)
    {
        var key = KeyOf(question.Key);
        var limits = Told is { } told && told.Until.IsAhead(now, _told) ? question.Limits.Least(told) : question.Limits;
        var settled = this with { Pace = (question.Owed == 0 ? Pace : Pace.Correct(limits, question.Owed)).Sane(now) };
        if (PauseAt(now) is { } pause)
        {
            return (settled, Paused(pause, now));
        }

        if (!question.IsForPerson && settled.Pace.Ahead(now) is var ahead && ahead > TimeSpan.Zero)
        {
            return (settled, new Answer.Later(ahead));
        }

        var (pace, at) = settled.Pace.Take(limits, question.Tokens, question.IsForPerson, now);
        return question.Probe is null && !key.IsWell(now)
            ? (settled, new Answer.Unproven(at - now))
            : (settled with { Pace = pace }, new Answer.Go(at - now, key.Faults, question.Probe));
    }

    /// <summary>Whether one may find out for all how the provider is; for a while nobody else may.</summary>
    /// <param name="key">A name for the key that says nothing of the key.</param>
    /// <param name="wait">Until one would call.</param>
    /// <param name="now">By the clock of where this is kept.</param>
    public (FlowState Next, Answer Answer) Try(string key, TimeSpan wait, DateTimeOffset now) =>
        KeyOf(key) is var known && known.Refuse(now) is { } refusal ? (this, refusal)
        : PauseAt(now) is { } pause ? (this, Paused(pause, now))
        : (With(key, known.Probe(now + wait)), new Answer.Try(known.Faults));

    /// <summary>Whether what was answered a while ago still stands.</summary>
    public bool StillStands(string key, Answer.Go answer, DateTimeOffset now) =>
        KeyOf(key).Faults == answer.Faults && PauseAt(now) is null;

    public bool IsWell(string key, DateTimeOffset now) => KeyOf(key).IsWell(now);

    /// <summary>The provider answered. A call that was sent before the last fault proves nothing about the time after it.</summary>
    /// <param name="key">A name for the key that says nothing of the key.</param>
    /// <param name="faults">How many there had been when the call was allowed.</param>
    /// <param name="now">By the clock of where this is kept.</param>
    public FlowState Succeeded(string key, int faults, DateTimeOffset now) =>
        KeyOf(key) is var known && known.Faults == faults && !known.IsWellForLong(now)
            ? (Pruned(now) with { HasAnswered = true }).With(key, known.Proven(now))
            : this;

    /// <summary>Whoever was to find out how the provider is did not; nothing if another has meanwhile.</summary>
    public FlowState GaveUp(string key, Answer.Try probe) => KeyOf(key) is var known && known.Faults == probe.Faults ? With(key, known.GaveUp()) : this;

    /// <summary>Whether the key was proven anew since a call was allowed: its failure says nothing then.</summary>
    public bool IsProvenSince(string key, Answer.Go answer, DateTimeOffset now) => KeyOf(key) is var known && known.Faults > answer.Faults && known.IsWell(now);

    /// <summary>Nobody calls before a person acts.</summary>
    public FlowState Stopped(string key, string reason, DateTimeOffset now) => With(key, KeyOf(key).Stopped(reason, now));

    /// <summary>Nobody calls before then, and after it one tries first.</summary>
    public FlowState Paused(string key, TimeSpan wait, string reason, DateTimeOffset now) =>
        Resting(wait, reason, now).With(key, KeyOf(key).Doubted());

    /// <summary>Nobody calls before then, though nothing is wrong.</summary>
    public FlowState Resting(TimeSpan wait, string reason, DateTimeOffset now) =>
        PauseAt(now) is { } pause && pause.Until >= now + wait ? this : this with { Pause = new Closure(now + wait, reason) };

    /// <summary>The provider named its limits.</summary>
    public FlowState Heard(int? requests, int? tokens, DateTimeOffset now) =>
        Told is { } told && (told.Requests, told.Tokens) == (requests, tokens) && told.Until.IsAhead(now, _told) && told.Until > now + (_told / 2)
            ? this
            : this with { Told = new ToldLimits(requests, tokens, now + _told) };

    /// <summary>A person says that it may be tried again.</summary>
    public FlowState Resumed(string key) => (this with { Pause = null, Pace = new(), Told = null }).With(key, KeyOf(key) with { ProbeAt = default, ProbeUntil = default });

    /// <returns>Null: it is not stopped.</returns>
    public ProviderStanding? Stop(string model, string key, DateTimeOffset now) => KeyOf(key) switch
    {
        { StopReason: null } => null,
        { StopReason: { } reason, ProbeAt: var until } known when known.IsStopped(now) => new(model, ProviderStanding.Stopped, reason, until),
        { StopReason: { } reason } => new(model, ProviderStanding.Untried, reason, null),
    };

    /// <summary>All but stops.</summary>
    public ProviderStanding Standing(string model, string key, DateTimeOffset now) => (PauseAt(now), KeyOf(key).IsInDoubt) switch
    {
        ({ } pause, _) => new(model, ProviderStanding.Waiting, pause.Reason, pause.Until),
        (null, true) => new(model, ProviderStanding.Failing, Pause?.Reason, null),
        _ => new(model, ProviderStanding.Open, null, null),
    };

    private static Answer.Paused Paused(Closure pause, DateTimeOffset now) => new(pause.Until - now, pause.Reason);

    // None is longer than two minutes: one that seems to be is of a clock that was set back.
    private Closure? PauseAt(DateTimeOffset now) => Pause is { } pause && pause.Until.IsAhead(now, _longestPause) ? pause : null;

    private FlowState Pruned(DateTimeOffset now) => this with { Keys = Keys.RemoveRange(Keys.Where(key => key.Value.IsForgotten(now - _keyForgotten)).Select(key => key.Key)) };

    private KeyState KeyOf(string key) => Keys.GetValueOrDefault(key) ?? new KeyState();

    private FlowState With(string key, KeyState state) => this with { Keys = Keys.SetItem(key, state) };
}

/// <param name="Key">A name for the key that says nothing of the key.</param>
/// <param name="Limits">As the asking process was set up.</param>
/// <param name="Tokens">As counted or estimated.</param>
/// <param name="IsForPerson">Whether somebody waits for the answer.</param>
/// <param name="Owed">Tokens by which earlier estimates were too low.</param>
/// <param name="Probe">The permission to find out how the provider is, if it was given.</param>
internal sealed record Question(string Key, RateLimits Limits, int Tokens, bool IsForPerson, double Owed, Answer.Try? Probe = null);

internal sealed record Closure(DateTimeOffset Until, string Reason);

internal abstract record Answer
{
    /// <param name="Wait">From now.</param>
    /// <param name="Faults">How many there had been with the key.</param>
    /// <param name="Probe">The permission to find out how the provider is, if that is what the call is for.</param>
    public sealed record Go(TimeSpan Wait, int Faults, Try? Probe = null) : Answer;

    /// <summary>Nobody knows whether the key is well; nothing was taken.</summary>
    /// <param name="Wait">Until one could call.</param>
    public sealed record Unproven(TimeSpan Wait) : Answer;

    /// <summary>One may find out for all how the provider is.</summary>
    /// <param name="Faults">How many there had been with the key, where this was asked.</param>
    public sealed record Try(int Faults) : Answer;

    /// <summary>Ask again then; nothing was taken.</summary>
    public sealed record Later(TimeSpan Wait) : Answer;

    public sealed record Paused(TimeSpan Wait, string Reason) : Answer;

    public sealed record Stopped(string Reason, DateTimeOffset ProbeAt) : Answer;
}
