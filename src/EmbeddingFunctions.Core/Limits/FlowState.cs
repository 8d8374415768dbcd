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

    /// <summary>By a name for the key that says nothing of the key.</summary>
    public ImmutableSortedDictionary<string, KeyState> Keys { get; init; } = ImmutableSortedDictionary<string, KeyState>.Empty;

    /// <summary>Whether a request may go, and when; what it needs is then taken.</summary>
    public (FlowState Next, Answer Answer) Ask(Question question, DateTimeOffset now)
    {
        var key = KeyOf(question.Key);
        var limits = Told is { } told && told.Until > now ? question.Limits.Least(told) : question.Limits;
        var settled = this with { Pace = (question.Owed == 0 ? Pace : Pace.Correct(limits, question.Owed)).Sane(now) };
        if (!key.IsWell(now) && key.Refuse(now) is { } refusal)
        {
            return (settled, refusal);
        }

        if (PauseAt(now) is { } pause)
        {
            return (settled, new Answer.Paused(pause.Until - now, pause.Reason));
        }

        if (!question.IsForPerson && settled.Pace.Ahead(now) is var ahead && ahead > TimeSpan.Zero)
        {
            return (settled, new Answer.Later(ahead));
        }

        var (pace, at) = settled.Pace.Take(limits, question.Tokens, question.IsForPerson, now);
        var next = settled with { Pace = pace };
        return key.IsWell(now)
            ? (next, new Answer.Go(at - now, key.Faults))
            : (next.With(question.Key, key.Probe(question.Caller, at)), new Answer.Go(at - now, key.Faults, question.Caller));
    }

    /// <summary>Takes it upon one to find out how the provider is, where somebody else may be finding out or have done so.</summary>
    /// <returns>Why one may not, or null.</returns>
    public (FlowState Next, Answer? Refusal) Probe(string key, Guid caller, TimeSpan wait, DateTimeOffset now) =>
        KeyOf(key) is var known && known.IsTriedBy(caller, now) ? (this, null)
        : known.Refuse(now) is { } refusal ? (this, refusal)
        : (With(key, known.Probe(caller, now + wait)), null);

    /// <summary>Whether what was answered a while ago still stands.</summary>
    public bool StillStands(string key, Answer.Go answer, DateTimeOffset now) =>
        KeyOf(key).Faults == answer.Faults && PauseAt(now) is null;

    /// <summary>The provider answered. A call that was sent before the last fault proves nothing about the time after it.</summary>
    public FlowState Succeeded(string key, Answer.Go answer, DateTimeOffset now) =>
        KeyOf(key) is var known && (known.Faults == answer.Faults || known.Prober == answer.Prober) && !known.IsWellForLong(now) ? Pruned(now).With(key, known.Proven(now)) : this;

    /// <summary>Whoever was to find out how the provider is did not, or learned of a stop elsewhere.</summary>
    public FlowState GaveUp(string key, Answer.Go answer, Answer.Stopped? learned = null) =>
        KeyOf(key) is not { } known || known.Prober != answer.Prober ? this
        : With(key, learned is null ? known.GaveUp() : known.GaveUp() with { StopReason = learned.Reason, ProbeAt = learned.ProbeAt });

    /// <summary>The call failed: nobody calls before the wait is over, or, without one, before a person acts. A call from before the key was proven anew says nothing.</summary>
    public FlowState Failed(string key, Answer.Go answer, TimeSpan? wait, string reason, DateTimeOffset now) =>
        KeyOf(key) is var known && known.Faults != answer.Faults && known.Prober != answer.Prober && known.IsWell(now) ? this
        : wait is { } pause ? Paused(key, pause, reason, now)
        : With(key, known.Stopped(reason, now));

    /// <summary>Nobody calls before then, and after it one tries first.</summary>
    public FlowState Paused(string key, TimeSpan wait, string reason, DateTimeOffset now) =>
        Resting(wait, reason, now).With(key, KeyOf(key).Doubted());

    /// <summary>Nobody calls before then, though nothing is wrong.</summary>
    public FlowState Resting(TimeSpan wait, string reason, DateTimeOffset now) =>
        PauseAt(now) is { } pause && pause.Until >= now + wait ? this : this with { Pause = new Closure(now + wait, reason) };

    /// <summary>The provider named its limits.</summary>
    public FlowState Heard(int? requests, int? tokens, DateTimeOffset now) =>
        Told is { } told && (told.Requests, told.Tokens) == (requests, tokens) && told.Until > now + (_told / 2)
            ? this
            : this with { Told = new ToldLimits(requests, tokens, now + _told) };

    public bool IsStopped(string key, DateTimeOffset now) => KeyOf(key).Refuse(now) is Answer.Stopped;

    /// <summary>A stop that was found to be over.</summary>
    public FlowState Untried(string key) => With(key, KeyOf(key) with { ProbeAt = default });

    /// <summary>A person says that it may be tried again.</summary>
    public FlowState Resumed(string key) => (this with { Pause = null, Pace = new(), Told = null }).With(key, KeyOf(key) with { ProbeAt = default, ProbeUntil = default });

    public ProviderStanding Standing(string model, string key, DateTimeOffset now) => KeyOf(key) switch
    {
        { StopReason: { } reason } stopped => stopped.ProbeAt > now
            ? new(model, ProviderStanding.Stopped, reason, stopped.ProbeAt)
            : new(model, ProviderStanding.Untried, reason, null),
        _ when PauseAt(now) is { } pause => new(model, ProviderStanding.Waiting, pause.Reason, pause.Until),
        _ => new(model, ProviderStanding.Open, null, null),
    };

    // None is longer than two minutes: one that seems to be is of a clock that was set back.
    private Closure? PauseAt(DateTimeOffset now) => Pause is { } pause && pause.Until > now && pause.Until < now + _longestPause ? pause : null;

    private FlowState Pruned(DateTimeOffset now) => this with { Keys = Keys.RemoveRange(Keys.Where(key => key.Value.IsForgotten(now - _keyForgotten)).Select(key => key.Key)) };

    private KeyState KeyOf(string key) => Keys.GetValueOrDefault(key) ?? new KeyState();

    private FlowState With(string key, KeyState state) => this with { Keys = Keys.SetItem(key, state) };
}

/// <param name="Key">A name for the key that says nothing of the key.</param>
/// <param name="Limits">As the asking process was set up.</param>
/// <param name="Tokens">An estimate.</param>
/// <param name="IsForPerson">Whether somebody waits for the answer.</param>
/// <param name="Caller">Names the call.</param>
/// <param name="Owed">Tokens by which earlier estimates were too low.</param>
internal sealed record Question(string Key, RateLimits Limits, int Tokens, bool IsForPerson, Guid Caller, double Owed = 0);

internal sealed record Closure(DateTimeOffset Until, string Reason);

internal abstract record Answer
{
    /// <param name="Wait">From now.</param>
    /// <param name="Faults">How many there had been with the key.</param>
    /// <param name="Prober">Names the call if it is to find out for all how the provider is.</param>
    public sealed record Go(TimeSpan Wait, int Faults, Guid? Prober = null) : Answer
    {
        public bool IsProbe => Prober is not null;
    }

    /// <summary>Ask again then; nothing was taken.</summary>
    public sealed record Later(TimeSpan Wait) : Answer;

    public sealed record Paused(TimeSpan Wait, string Reason) : Answer;

    public sealed record Stopped(string Reason, DateTimeOffset ProbeAt) : Answer;
}
