using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using EmbeddingFunctions.Status;
using Microsoft.AspNetCore.Http;
using Npgsql;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>What is happening now, asked for or pushed.</summary>
internal sealed class OverviewApi(OverviewReport report, RequestGuard guard)
{
    private static readonly TimeSpan _every = TimeSpan.FromSeconds(1);

    // A client connects again by itself; until then a host that bills or ends long requests has had no long one.
    private static readonly TimeSpan _longest = TimeSpan.FromMinutes(4);

    private const int SilentSeconds = 2;

    /// <summary>GET <see cref="Routes.Overview"/>: worker, open runs, rates, provider, spending and counts, at most a second old.</summary>
    public Task<IResult> Get(HttpRequest request, CancellationToken cancellation) =>
        guard.Explain(request, async () => Replies.Json(request, await report.Get(cancellation)), cancellation);

    /// <summary>
    /// GET <see cref="Routes.Events"/>: the same as Server-Sent Events, at most one a second and only when something changed; between them
    /// <c>ping</c>, and <c>fault</c> while the database does not answer.
    /// </summary>
    public IResult Follow(HttpRequest request, CancellationToken cancellation)
    {
        // Asks a proxy to pass each event on at once.
        request.HttpContext.Response.Headers["X-Accel-Buffering"] = "no";
        return TypedResults.ServerSentEvents(Events(cancellation));
    }

    private async IAsyncEnumerable<SseItem<string>> Events([EnumeratorCancellation] CancellationToken cancellation)
    {
        using var ticks = new PeriodicTimer(_every);
        var (sent, silent) = ("", 0);
        for (var left = (int)_longest.TotalSeconds; left > 0; left--)
        {
            var (name, data) = await Next(cancellation);
            if (data != sent)
            {
                (sent, silent) = (data, 0);
                yield return new SseItem<string>(data, name);
            }
            else if (++silent % SilentSeconds == 0)
            {
                yield return new SseItem<string>("", "ping");
            }

            await ticks.WaitForNextTickAsync(cancellation);
        }
    }

    private async Task<(string Name, string Data)> Next(CancellationToken cancellation)
    {
        try
        {
            return ("overview", Replies.Text(await report.Get(cancellation)));
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            return ("fault", Replies.Text(new { Detail = "The database does not answer. It is asked again every second." }));
        }
    }
}
