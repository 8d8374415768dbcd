using System.CommandLine;
using EmbeddingFunctions.Alerts;
using EmbeddingFunctions.AspNetCore;
using EmbeddingFunctions.Cli.Server;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Cli.Commands;

internal static class ServeCommand
{
    private const string DefaultUrl = "http://127.0.0.1:7071";

    public static Command Create()
    {
        var urls = new Option<string>("--urls")
        {
            Description = $"Where to listen, {DefaultUrl} unless given.",
            HelpName = "url",
            DefaultValueFactory = _ => DefaultUrl
        };
        urls.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && !IsUrl(result.Tokens[0].Value))
            {
                result.AddError(
                    $"--urls takes one http address without a path, like {DefaultUrl} or http://0.0.0.0:7071, not "
                        + $"'{result.Tokens[0].Value}'.");
            }
        });
        var noKey = new Option<bool>("--no-key")
        {
            Description = "Where EMBEDDINGS_API_KEY is not set: let all programs and users of this machine in, without a key."
        };
        var command = new CommandWithExamples(
            "serve", "Run the HTTP API and the schedule of the Functions app on this machine, until stopped.",
            "embeddings serve",
            "export EMBEDDINGS_API_KEY=$(openssl rand -hex 32); embeddings serve --urls http://0.0.0.0:7071",
            "curl -X POST http://127.0.0.1:7071/api/embeddings/compute -H \"x-functions-key: $(cat ~/.local/share/embeddings/keys/7071)\" "
                + "-d '{\"corpus\":\"workspace\"}'") { urls, noKey };
        command.SetAction((parsed, cancellation) =>
        {
            var output = new Output(false);
            return Failures.Guard(output, () => Run(output, parsed.GetValue(urls)!, !parsed.GetValue(noKey), cancellation), cancellation);
        });
        return command;
    }

    private static async Task<int> Run(Output output, string url, bool hasKey, CancellationToken stopping)
    {
        await using var session = await Session.Open(output, stopping, defaultLevel: LogLevel.Information);
        var log = session.Get<ILogger<LocalServer>>();
        await using var server = await Listen(session, url, hasKey, stopping);
        log.Listening(server.Address, $"{Routes.Host}/{Routes.Status}", session.Settings.Schedule);
        if (server.KeyFile is { } file)
        {
            log.KeyIsIn(file);
        }

        log.DashboardIsAt(server.Address, DashboardEndpoints.DefaultPrefix);
        log.SearchPageIsAt(server.Address, SearchPage.Path);
        var worker = session.Get<EmbeddingWorker>();
        var alerts = session.Get<AlertWatch>();
        await worker.StartAsync(stopping);
        await alerts.StartAsync(stopping);
        await worker.ExecuteTask!;
        await Task.WhenAll(server.Stop(), alerts.StopAsync(CancellationToken.None), worker.StopAsync(CancellationToken.None));
        log.Stopped();
        return ExitCode.Done;
    }

    private static async Task<LocalServer> Listen(Session session, string url, bool hasKey, CancellationToken stopping)
    {
        try
        {
            return await LocalServer.Start(session, url, hasKey, stopping);
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
        {
            throw new SettingsException([$"Cannot listen on {url}: {e.Message} Give another address with --urls."]);
        }
    }

    private static bool IsUrl(string text)
    {
        var comparable = text.Replace("//*", "//0.0.0.0", StringComparison.Ordinal).Replace("//+", "//0.0.0.0", StringComparison.Ordinal);
        return Uri.TryCreate(comparable, UriKind.Absolute, out var url) && url.Scheme == "http" && url.PathAndQuery == "/"
            && url.UserInfo.Length == 0;
    }
}
