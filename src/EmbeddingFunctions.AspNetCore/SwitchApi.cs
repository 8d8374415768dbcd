using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Switching;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>How a corpus's switch to another generation of vectors stands, and its steps.</summary>
internal sealed class SwitchApi(
    CorpusSet corpora, Generations generations, GenerationSwitch switches, RunScheduler scheduler, EmbeddingSettings settings,
    RequestGuard guard)
{
    private const string Conflict = "The switch cannot do that now.";

    private static readonly string[] _steps = [.. new SwitchStepNameAttribute().Values.Cast<string>()];

    /// <summary>
    /// GET <see cref="Routes.Switch"/>: the state with what the gate lacks, null where no switch is under way; with <c>?measure=true</c>
    /// recall and speed too, which takes seconds.
    /// </summary>
    public Task<IResult> Get(HttpRequest request, string corpus, CancellationToken cancellation) => guard.Serve(request, async () =>
    {
        var name = corpora.Live(corpus).DeclaredName;
        return Flag(request, "measure") is not { } isMeasured ? NoFlag("measure")
            : Replies.Json(new SwitchedCorpus(name, await Find(name, isMeasured, cancellation)));
    }, cancellation);

    /// <summary>
    /// POST <see cref="Routes.SwitchStep"/>: <c>begin</c> makes the next generation and asks for a run over it (202), <c>flip</c> makes it
    /// live if the gate holds or with <c>?force=true</c>, <c>rollback</c> makes the one before it live again, <c>finish</c> removes that
    /// one, <c>abandon</c> removes the next one. 409 where the step does not fit the state.
    /// </summary>
    public Task<IResult> Step(HttpRequest request, string corpus, string step, IRunEngine engine, CancellationToken cancellation) =>
        guard.Serve(request, async () =>
    {
        var name = corpora.Live(corpus).DeclaredName;
        try
        {
            return step == "begin" ? await Begin(request, name, engine, cancellation)
                : !_steps.Contains(step) ? throw new NotFoundException(
                    $"There is no step '{step}' of a switch: it is {string.Join(", ", _steps[..^1])} or {_steps[^1]}.")
                : await Find(name, isMeasured: false, cancellation) is not { } state
                    ? Refused($"No switch of '{name}' is under way: it has one generation of vectors.")
                : step switch
                {
                    "flip" => await Flip(request, name, state, cancellation),
                    "rollback" => await Rollback(name, state, cancellation),
                    _ => await Remove(name, state, isGivenUp: step == "abandon", cancellation),
                };
        }
        catch (DatabaseNotReadyException e) when (corpora.Live(name).Generation is not null)
        {
            return guard.Problem(StatusCodes.Status409Conflict, Conflict, e);
        }
    }, cancellation);

    private async Task<IResult> Begin(HttpRequest request, string name, IRunEngine engine, CancellationToken cancellation)
    {
        settings.EnsureEnabled();
        var next = await switches.Begin(name, progress: null, cancellation);
        var run = (await scheduler.Ask(engine, new RunRequest(next.Name, []), eventId: null, cancellation))!;
        request.HttpContext.Response.Headers.Location = Routes.AddressOf(run.Id, request, $"{Routes.Switches}/{name}/begin");
        var state = await switches.State(name, isMeasured: false, cancellation);
        return Replies.Json(new BegunSwitch(name, run.Id, run.IsNew, state), StatusCodes.Status202Accepted);
    }

    private async Task<IResult> Flip(HttpRequest request, string name, SwitchState state, CancellationToken cancellation)
    {
        if (Flag(request, "force") is not { } isForced)
        {
            return NoFlag("force");
        }

        if (!state.IsForward)
        {
            return Refused(
                $"Generation {state.Other.Number} of '{name}' is not for the declaration of this host, so it is not flipped to.");
        }

        var obstacles = isForced ? [] : (await Find(name, isMeasured: true, cancellation))?.Obstacles ?? [];
        return obstacles.Count > 0
            ? Refused($"The gate does not hold: {string.Join("; ", obstacles)}. Add ?force=true to flip all the same.")
            : await Flip(name, cancellation);
    }

    private async Task<IResult> Rollback(string name, SwitchState state, CancellationToken cancellation) =>
        state.Other.Number > state.Live.Number
            ? Refused($"Generation {state.Live.Number} of '{name}' is live: there is none before it.")
            : await Flip(name, cancellation);

    private async Task<IResult> Flip(string name, CancellationToken cancellation)
    {
        await switches.Flip(name, progress: null, cancellation);
        return Replies.Json(new SwitchedCorpus(name, await switches.State(name, isMeasured: false, cancellation)));
    }

    private async Task<IResult> Remove(string name, SwitchState state, bool isGivenUp, CancellationToken cancellation) =>
        isGivenUp && state.Other.Number < state.Live.Number
            ? Refused(
                $"Generation {state.Other.Number} of '{name}' is the one before: 'finish' removes it, 'rollback' makes it live again.")
            : Replies.Json(
                new SwitchedCorpus(name, null, await switches.Finish(name, isGivenUp, progress: null, cancellation)));

    private async Task<SwitchState?> Find(string name, bool isMeasured, CancellationToken cancellation)
    {
        await generations.Refresh(cancellation);
        return corpora.GenerationsOf(name).Count == 1 ? null : await switches.State(name, isMeasured, cancellation);
    }

    private static IResult Refused(string why) => Replies.Problem(StatusCodes.Status409Conflict, Conflict, why);

    // Null: it is neither.
    private static bool? Flag(HttpRequest request, string name) => request.Query[name].FirstOrDefault() switch
    {
        null or "" or "false" => false,
        "true" => true,
        _ => null,
    };

    private static IResult NoFlag(string name) => Replies.Invalid(name, $"{name} takes true or false.");
}

/// <param name="Switch">Null: none is under way.</param>
/// <param name="Removed">The generation that was removed, after finish and abandon.</param>
internal sealed record SwitchedCorpus(
    string Corpus, SwitchState? Switch,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Removed = null);

/// <param name="IsNew">False: a waiting run covers it already.</param>
internal sealed record BegunSwitch(string Corpus, Guid RunId, bool IsNew, SwitchState? Switch);

internal sealed class SwitchStepNameAttribute() : AllowedValuesAttribute("begin", "flip", "rollback", "finish", "abandon");
