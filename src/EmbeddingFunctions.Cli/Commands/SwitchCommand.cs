using System.CommandLine;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Switching;

namespace EmbeddingFunctions.Cli.Commands;

internal static class SwitchCommand
{
    public static Command Create()
    {
        var corpus = Arguments.Corpus();
        var yes = new Option<bool>("--yes") { Description = "Fill the next generation; or flip although the gate does not hold." };
        var auto = new Option<bool>("--auto") { Description = "Flip as soon as the gate holds." };
        var state = new Option<bool>("--state") { Description = "Only say how the switch stands." };
        var flip = new Option<bool>("--flip") { Description = "Make the next generation the one that searches read." };
        var rollback = new Option<bool>("--rollback") { Description = "Make the generation before the live one again." };
        var finish = new Option<bool>("--finish") { Description = "Remove the generation before: there is no way back after it." };
        var abandon = new Option<bool>("--abandon") { Description = "Remove the next generation instead of flipping to it." };
        var json = Arguments.Json();
        var command = new CommandWithExamples("switch",
            "Take a corpus to the model, dimensions, text or chunks that are declared now, while searches go on with the vectors it has.",
            "embeddings switch articles",
            "embeddings switch articles --yes --auto",
            "embeddings switch articles --rollback",
            "embeddings switch articles --finish") { corpus, yes, auto, state, flip, rollback, finish, abandon, json };
        command.Validators.Add(result =>
        {
            if (new[] { state, flip, rollback, finish, abandon }.Count(result.GetValue) > 1)
            {
                result.AddError("--state, --flip, --rollback, --finish and --abandon exclude each other.");
            }
        });
        command.SetAction((parsed, cancellation) =>
        {
            var (output, name) = (new Output(parsed.GetValue(json)), parsed.GetValue(corpus)!);
            return Failures.Guard(output, async () =>
            {
                await using var session = await Session.Open(output, cancellation);
                var generations = session.Get<GenerationSwitch>();
                var isSure = parsed.GetValue(yes);
                return parsed.GetValue(state) ? Show(output, name, await generations.State(name, isMeasured: true, cancellation))
                    : parsed.GetValue(flip) ? await Flip(generations, output, name, isSure, cancellation)
                    : parsed.GetValue(rollback) ? await Flip(generations, output, name, isSure: true, cancellation)
                    : parsed.GetValue(finish) || parsed.GetValue(abandon)
                        ? await Finish(generations, output, name, parsed.GetValue(abandon), cancellation)
                    : await Fill(session, output, name, isSure, parsed.GetValue(auto), cancellation);
            }, cancellation);
        });
        return command;
    }

    private static async Task<int> Fill(
        Session session, Output output, string name, bool isSure, bool isAuto, CancellationToken cancellation)
    {
        var generations = session.Get<GenerationSwitch>();
        if (!isSure && await generations.State(name, isMeasured: false, cancellation) is null)
        {
            // The texts are those of the live generation, counted and priced as if all were paid for again.
            var all = await session.Get<DryRun>().Predict(new RunRequest(session.LiveName(name), [], Force: true), cancellation);
            return output.Fail(
                $"This would make a second set of vectors for '{name}': about {all.Items:N0} items, {all.Tokens:N0} tokens, "
                    + $"{RunFigures.Money(all.Dollars)} at the price of {all.Minutes:N1} minutes or more. Say --yes to do it.",
                ExitCode.Usage);
        }

        var next = await generations.Begin(name, line => output.Note($"{line} …"), cancellation);
        var outcome = await BackfillCommand.RunOnce(
            session, output, new RunRequest(next.Name, [], Concurrency: session.Settings.BatchesInFlight), cancellation);
        if (outcome.Status != RunStatus.Completed)
        {
            return output.Fail(
                $"The run over generation {next.Generation!.Number} ended as {outcome.Status}: {outcome.Error}. Say this again to go on.",
                ExitCode.Failed);
        }

        var state = await generations.State(name, isMeasured: true, cancellation);
        if (isAuto && state is { IsForward: true, Obstacles.Count: 0 })
        {
            await generations.Flip(name, cancellation);
            state = await generations.State(name, isMeasured: false, cancellation);
        }

        return Show(output, name, state);
    }

    private static async Task<int> Flip(
        GenerationSwitch generations, Output output, string name, bool isSure, CancellationToken cancellation)
    {
        var state = await generations.State(name, isMeasured: !isSure, cancellation);
        if (!isSure && state is { Obstacles.Count: > 0 })
        {
            return output.Fail(
                $"The gate does not hold:{string.Concat(state.Obstacles.Select(line => $"\n  - {line}"))}\nSay --yes to flip all the same.",
                ExitCode.Usage);
        }

        await generations.Flip(name, cancellation);
        return Show(output, name, await generations.State(name, isMeasured: false, cancellation));
    }

    private static async Task<int> Finish(
        GenerationSwitch generations, Output output, string name, bool isGivenUp, CancellationToken cancellation)
    {
        var removed = await generations.Finish(name, isGivenUp, line => output.Note($"{line} …"), cancellation);
        output.Result(
            new { Corpus = name, Removed = removed },
            text => text.WriteLine($"Generation {removed} of '{name}' is gone, with its vectors."));
        return ExitCode.Done;
    }

    private static int Show(Output output, string name, SwitchState? state)
    {
        output.Result(new { Corpus = name, Switch = state }, text =>
        {
            if (state is null)
            {
                text.WriteLine($"'{name}' has one generation of vectors: no switch is under way.");
                return;
            }

            text.WriteLine($"{name}: searches read generation {Describe(state.Live)}; {Describe(state.Other)} is kept beside it.");
            foreach (var kind in state.Kinds)
            {
                text.WriteLine(
                    $"  {kind.Kind}: {kind.Done:N0} of {kind.Total:N0} done, {kind.Failed:N0} failed"
                        + (kind.Recall is { } recall ? $"; recall@{IndexProbe.Neighbours} {recall:P1}, p95 {kind.P95:N1} ms" : "")
                        + (kind.LiveP95 is { } live ? $" (live {live:N1} ms)" : "")
                        + (kind.Overlap is { } overlap ? $", {overlap:P0} of the neighbours in common" : ""));
            }

            text.WriteLine($"  paid for it: {state.Tokens:N0} tokens, {RunFigures.Money(state.Dollars)}");
            foreach (var obstacle in state.Obstacles)
            {
                text.WriteLine($"  not yet: {obstacle}");
            }

            text.WriteLine(state.Advice);
        });
        return state is { IsForward: true, Obstacles.Count: > 0 } ? ExitCode.WithFailures : ExitCode.Done;
    }

    private static string Describe(GenerationState generation) =>
        $"{generation.Number} ({generation.Model}, {generation.Dimensions} dimensions)";
}
