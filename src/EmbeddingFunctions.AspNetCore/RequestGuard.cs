using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>Serves requests a few at a time, and turns what goes wrong into an answer.</summary>
internal sealed class RequestGuard(ResolvedCorpora resolved, Redaction redaction, ILogger log) : IDisposable
{
    // Of a burst of requests the others wait here, not for connections that runs need.
    private const int MostAtOnce = 16;

    private readonly SemaphoreSlim _turns = new(MostAtOnce, MostAtOnce);

    /// <summary>Serves a request when its turn has come.</summary>
    public async Task<IResult> Serve(HttpRequest request, Func<Task<IResult>> serve, CancellationToken cancellation)
    {
        await _turns.WaitAsync(cancellation);
        try
        {
            return await Explain(request, serve, cancellation);
        }
        finally
        {
            _turns.Release();
        }
    }

    /// <summary>Serves a request at once.</summary>
    public async Task<IResult> Explain(HttpRequest request, Func<Task<IResult>> serve, CancellationToken cancellation)
    {
        try
        {
            return await resolved.Fitting(serve, cancellation, mayRepeat: HttpMethods.IsGet(request.Method));
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            return Answer(request, e);
        }
    }

    /// <summary>An answer whose detail is the message of a fault.</summary>
    public IResult Problem(int status, string title, Exception fault) => Replies.Problem(status, title, redaction.Clean(fault.Message));

    public void Dispose() => _turns.Dispose();

    // The exception's type says whose fault it is; only faults that the host can mend are logged.
    private IResult Answer(HttpRequest request, Exception fault)
    {
        switch (fault)
        {
            case InvalidCorpusException:
                return Problem(StatusCodes.Status400BadRequest, Replies.Unusable, fault);
            case InvalidSearchException wrong:
                return Replies.Invalid(wrong.Field, wrong.Message);
            case SearchUnavailableException:
                return Replies.TryAgain(request, "The search cannot be answered now.", redaction.Clean(fault.Message));
            case SearchForbiddenException:
                return Replies.Problem(StatusCodes.Status403Forbidden, "You may not search there.", fault.Message);
            case NotFoundException:
                return Problem(StatusCodes.Status404NotFound, "Not found.", fault);
            case DatabaseNotReadyException:
                return Problem(StatusCodes.Status503ServiceUnavailable, "The database is not ready.", fault);
            case SettingsException:
                return Replies.Problem(StatusCodes.Status409Conflict, "Embedding is switched off.", EmbeddingSettings.Disabled);
            case TooManyRunsException busy:
                request.HttpContext.Response.Headers.RetryAfter = $"{Math.Ceiling(busy.RetryAfter.TotalSeconds):0}";
                return Problem(StatusCodes.Status429TooManyRequests, "Too many runs wait.", fault);
        }

        log.RequestFails(request.Method, request.Path, fault.GetType().Name, redaction.Clean(fault.Message));
        return fault is NpgsqlException or TimeoutException || DatabaseFaults.LacksToken(fault)
            ? Replies.Problem(
                StatusCodes.Status503ServiceUnavailable, "The database cannot be reached.",
                "Try again; the host's log has the reason. An event that carries an id may be sent again safely.")
            : Replies.Problem(StatusCodes.Status500InternalServerError, "A fault of this program.", "The host's log has the reason.");
    }
}
