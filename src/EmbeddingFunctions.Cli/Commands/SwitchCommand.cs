using System.CommandLine;
using EmbeddingFunctions.BatchLane;
using EmbeddingFunctions.Cli.Imports;
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
        var lane = Arguments.Lane();
        var questions = new Option<FileInfo?>("--questions")
        {
            Description = "Say how well both generations answer these: JSON lines with question and expected, a list of items or their "
                + "grades.",
            HelpName = "file"
        };
        var json = Arguments.Json();
        var command = new CommandWithExamples("switch",
            "Take a corpus to the model, dimensions, text or chunks that are declared now, while searches go on with the vectors it has.",
            "embeddings switch articles",
            "embeddings switch articles --yes --auto",
            "embeddings switch articles --state --questions questions.jsonl",
            "embeddings switch articles --rollback",
            "embeddings switch articles --finish") {
                corpus, yes, auto, state, flip, rollback, finish, abandon, lane, questions, json,
            };
        command.Validators.Add(result =>
        {
            if (new[] { state, flip, rollback, finish, abandon }.Count(result.GetValue) > 1)
            {
                result.AddError("--state, --flip, --rollback, --finish and --abandon exclude each other.");
            }

            if (result.GetValue(questions) is not null && new[] { flip, rollback, finish, abandon }.Any(result.GetValue))
            {
                result.AddError("--questions goes with --state, and with the filling of the next generation.");
            }
        });
        command.SetAction((parsed, cancellation) =>
        {
            var (output, name) = (new Output(parsed.GetValue(json)), parsed.GetValue(corpus)!);
            return Failures.Guard(output, async () =>
            {
                var asked = parsed.GetValue(questions) is { } file ? await QuestionLines.Read(file, cancellation) : [];
                await using var session = await Session.Open(output, cancellation);
                var generations = session.Get<GenerationSwitch>();
                var isSure = parsed.GetValue(yes);
                return parsed.GetValue(state) ? Show(output, name, await State(session, name, asked, cancellation))
                    : parsed.GetValue(flip) ? await Flip(generations, output, name, isSure, cancellation)
                    : parsed.GetValue(rollback) ? await Flip(generations, output, name, isSure: true, cancellation)
                    : parsed.GetValue(finish) || parsed.GetValue(abandon)
                        ? await Finish(generations, output, name, parsed.GetValue(abandon), cancellation)
                    : await Fill(
                        session, output, name, isSure, parsed.GetValue(auto), parsed.GetValue(lane) == Arguments.BatchLane, asked,
                        cancellation);
            }, cancellation);
        });
        return command;
    }

    private static async Task<int> Fill(
        Session session, Output output, string name, bool isSure, bool isAuto, bool isOnBatchLane,
        IReadOnlyList<GradedQuestion> questions, CancellationToken cancellation)
    {
        if (isOnBatchLane)
        {
            session.Get<LaneRuns>().EnsureLane();
        }

        if (questions.Count > 0)
        {
            await session.Get<QuestionProbe>().Check(name, questions, cancellation);
        }

        var generations = session.Get<GenerationSwitch>();
        if (!isSure && await generations.State(name, isMeasured: false, cancellation) is null)
        {
            // The rows are those of the live generation, counted and priced as if all were paid for again.
            var declared = await generations.Declaration(name, cancellation);
            var all = await session.Get<DryRun>().Predict(
                declared, new RunRequest(declared.Corpus.Name, [], Force: true), cancellation);
            return output.Fail(
                $"This would make a second set of vectors for '{name}': about {all.Items:N0} items, {all.Tokens:N0} tokens, "
                    + $"{RunFigures.Money(all.Dollars)}{(all.Minutes is { } minutes ? $", {minutes:N1} minutes or more" : "")}. "
                    + "Say --yes to do it.",
                ExitCode.Usage);
        }

        var next = await generations.Begin(name, line => output.Note($"{line} …"), cancellation);
        var request = new RunRequest(next.Name, [], Concurrency: session.Settings.BatchesInFlight);
        var outcome = isOnBatchLane ? await BackfillCommand.RunOnBatchLane(session, output, request, cancellation)
            : await BackfillCommand.RunOnce(session, output, request, cancellation);
        if (outcome.Status != RunStatus.Completed)
        {
            return output.Fail(
                $"The run over generation {next.Generation!.Number} ended as {outcome.Status}: {outcome.Error}. Say this again to go on.",
                ExitCode.Failed);
        }

        var state = await State(session, name, questions, cancellation);
        if (isAuto && state is { IsForward: true, Obstacles.Count: 0 })
        {
            await generations.Flip(name, line => output.Note($"{line} …"), cancellation);
            var scores = state.Questions;
            state = (await generations.State(name, isMeasured: false, cancellation))! with
            {
                Questions = scores is null ? null : scores with { Live = scores.Other, Other = scores.Live },
            };
        }

        return Show(output, name, state);
    }

    // The questions are checked first, because all else takes longer.
    private static async Task<SwitchState?> State(
        Session session, string name, IReadOnlyList<GradedQuestion> questions, CancellationToken cancellation)
    {
        var scores = questions.Count == 0 ? null : await session.Get<QuestionProbe>().Measure(name, questions, cancellation);
        var state = await session.Get<GenerationSwitch>().State(name, isMeasured: true, cancellation);
        return state is null ? null : state with { Questions = scores };
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

        await generations.Flip(name, line => output.Note($"{line} …"), cancellation);
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

            if (state.Questions is { } scores)
            {
                text.WriteLine(
                    $"  {scores.Questions:N0} questions: nDCG@10 {scores.Other.Ndcg:0.000}, MRR@10 {scores.Other.Mrr:0.000} (live "
                        + $"{scores.Live.Ndcg:0.000}, {scores.Live.Mrr:0.000})");
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
