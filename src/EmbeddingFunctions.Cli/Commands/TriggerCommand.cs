using System.CommandLine;
using EmbeddingFunctions.Cli.Server;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Status;

namespace EmbeddingFunctions.Cli.Commands;

internal static class TriggerCommand
{
    private const string DefaultUrl = "http://127.0.0.1:7071";

    public static Command Create()
    {
        var corpus = Arguments.Corpus();
        var url = new Option<string>("--url")
        {
            Description = $"The host: embeddings serve or the Functions app; {DefaultUrl} unless given.",
            HelpName = "url",
            DefaultValueFactory = _ => DefaultUrl
        };
        var partition = new Option<string?>("--partition")
        {
            Description = "Only this partition's items: its key, for a workspace the repository's id.",
            HelpName = "key"
        };
        var kind = new Option<string[]>("--kind")
        {
            Description = "Only items of this kind; may be given several times.",
            HelpName = "kind"
        };
        var limit = Arguments.Count("--limit", "At most this number of items.");
        var force = new Option<bool>("--force") { Description = "Embed everything in scope again, changed or not." };
        var id = new Option<string?>("--id") { Description = "The event's id: the same id again is the same run.", HelpName = "id" };
        var wait = new Option<bool>("--wait") { Description = "Wait for the run's end and show its progress." };
        var json = Arguments.Json();
        var command = new CommandWithExamples("trigger", "Ask a running host for a run over a corpus.",
            "embeddings trigger workspace --wait",
            "embeddings trigger workspace --url https://NAME.azurewebsites.net")
        { corpus, url, partition, kind, limit, force, id, wait, json };
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            var data = new TriggerData(
                parsed.GetValue(corpus)!, parsed.GetValue(partition), parsed.GetValue(kind) is { Length: > 0 } kinds ? kinds : null,
                parsed.GetValue(limit), parsed.GetValue(force));
            return Failures.Guard(output, async () =>
            {
                using var host = new RemoteHost(parsed.GetValue(url)!, SettingsReader.ServerKeyFromEnvironment());
                return await Run(output, host, data, parsed.GetValue(id), parsed.GetValue(wait), cancellation);
            }, cancellation);
        });
        return command;
    }

    private static async Task<int> Run(
        Output output, RemoteHost host, TriggerData data, string? id, bool wait, CancellationToken cancellation)
    {
        var run = await host.Trigger(data, id, cancellation);
        output.Note(
            run.IsNew ? $"Requested run {run.RunId}." : $"Run {run.RunId} was requested earlier, and does what this event asks for.");
        if (!wait)
        {
            output.Result(run, text => text.WriteLine(run.RunId));
            return ExitCode.Done;
        }

        RunDetail end;
        try
        {
            end = await RunWatch.ToEnd(output, host, run.RunId, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return output.Fail($"No longer waiting: run {run.RunId} goes on in its host.", ExitCode.Interrupted);
        }
        catch (RemoteHostException e)
        {
            return output.Fail($"{e.Message}\nRun {run.RunId} is kept, and goes on when a host runs.", ExitCode.Failed);
        }

        output.Result(end, text => text.WriteLine(
            $"{end.Run.Status}: {end.Run.ItemsProcessed:N0} of {end.Run.ItemsTotal:N0} items, {end.Run.ItemsFailed:N0} failed, "
                + $"{end.Counts.Requests:N0} requests, {end.Counts.Tokens:N0} tokens, {RunFigures.Money(end.Dollars)}"));
        if (end.Run.Error is { } error)
        {
            output.Note(error);
        }

        return end.Run.Status == "cap_reached" ? ExitCode.CapReached
            : end.Run.Status != "completed" ? ExitCode.Failed : end.Run.ItemsFailed > 0 ? ExitCode.WithFailures : ExitCode.Done;
    }
}
