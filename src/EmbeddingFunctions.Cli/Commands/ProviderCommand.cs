using System.CommandLine;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Status;

namespace EmbeddingFunctions.Cli.Commands;

internal static class ProviderCommand
{
    public static Command Create()
    {
        var json = Arguments.Json();
        var resume = new CommandWithExamples(
            "resume",
            "Probe the provider now, although its circuit is open or it asked for a pause; if it answers, all processes continue.",
            "embeddings provider resume") { json };
        resume.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            return Failures.Guard(output, () => Resume(output, cancellation), cancellation);
        });
        return new CommandWithExamples(
            "provider", "Control whether the provider may be called, a state that all processes share.", "embeddings provider resume")
            {
                resume
            };
    }

    private static async Task<int> Resume(Output output, CancellationToken cancellation)
    {
        await using var session = await Session.Open(output, cancellation);
        var answers = new List<(string Model, string? Answer, string? Problem)>();
        foreach (var corpus in session.Corpora.All.DistinctBy(session.Settings.ModelFor))
        {
            var (answer, problem) = await Ask(session.Get<ProviderCheck>(), corpus, cancellation);
            answers.Add((session.ModelOf(corpus.Name), answer, problem));
        }

        output.Result(new { Models = answers.Select(a => new { a.Model, IsOpen = a.Problem is null, a.Problem }) }, text =>
        {
            foreach (var (model, answer, problem) in answers)
            {
                text.WriteLine(problem is null ? $"ok   {answer}" : $"FAIL {model}: {problem}");
            }
        });
        return answers.TrueForAll(a => a.Problem is null) ? ExitCode.Done : ExitCode.Failed;
    }

    private static async Task<(string? Answer, string? Problem)> Ask(ProviderCheck provider, Corpus corpus, CancellationToken cancellation)
    {
        try
        {
            return (await provider.Resume(corpus, cancellation), null);
        }
        catch (ProviderException e)
        {
            return (null, e.Message);
        }
    }
}
