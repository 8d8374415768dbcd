using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text.Json;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;
using Polly;
using Polly.Retry;

namespace EmbeddingFunctions.OpenAI;

/// <summary>Calls of the batch interface, which end in time and are repeated where that helps.</summary>
/// <remarks>Every fault is a <see cref="ProviderException"/>, whose message holds no key.</remarks>
internal sealed class OpenAiBatchHttp(HttpClient http, string key, Redaction redaction)
{
    private const int Retries = 3;

    private static readonly TimeSpan _longestCall = TimeSpan.FromSeconds(60);

    private readonly ResiliencePipeline _again = new ResiliencePipelineBuilder().AddRetry(new RetryStrategyOptions
    {
        ShouldHandle = new PredicateBuilder().Handle<ProviderException>(
            e => e is { Fault: ProviderFault.Transient, IsTimeout: false } && (e.InnerException is null || e.IsUnreachable)),
        MaxRetryAttempts = Retries,
        BackoffType = DelayBackoffType.Exponential,
        Delay = TimeSpan.FromMilliseconds(500),
        UseJitter = true,
        DelayGenerator = arguments => new ValueTask<TimeSpan?>((arguments.Outcome.Exception as ProviderException)?.RetryAfter),
    }).Build();

    /// <returns>The answer's JSON.</returns>
    /// <param name="request">Makes the request of each attempt.</param>
    /// <param name="cancellation">Ends the call.</param>
    /// <param name="longest">Of all attempts together; null: a minute.</param>
    /// <param name="mayRepeat">False: an attempt that was not answered may have done its work.</param>
    public async Task<JsonDocument> Call(
        Func<HttpRequestMessage> request, CancellationToken cancellation, TimeSpan? longest = null, bool mayRepeat = true)
    {
        using var call = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        call.CancelAfter(longest ?? _longestCall);
        return await Guard(() => (mayRepeat ? _again : ResiliencePipeline.Empty).ExecuteAsync(async token =>
        {
            using var response = await Send(request, token);
            await using var body = await response.Content.ReadAsStreamAsync(token);
            return await JsonDocument.ParseAsync(body, cancellationToken: token);
        }, call.Token).AsTask(), call, cancellation);
    }

    /// <summary>A call whose answer does not matter; that there is no such thing is no fault.</summary>
    public async Task Try(Func<HttpRequestMessage> request, CancellationToken cancellation)
    {
        using var call = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        call.CancelAfter(_longestCall);
        using var response = await Open(request, call, cancellation);
    }

    /// <summary>The lines of an answer as they come, but empty ones; none where there is no such thing.</summary>
    public async IAsyncEnumerable<string> Lines(
        Func<HttpRequestMessage> request, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var idle = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        idle.CancelAfter(_longestCall);
        using var response = await Open(request, idle, cancellation);
        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            yield break;
        }

        using var lines = new StreamReader(await Guard(() => response.Content.ReadAsStreamAsync(idle.Token), idle, cancellation));
        while (await Guard(() => lines.ReadLineAsync(idle.Token).AsTask(), idle, cancellation) is { } line)
        {
            if (line.Length > 0)
            {
                yield return line;
            }

            // The time that the caller takes is not the server's.
            idle.CancelAfter(_longestCall);
        }
    }

    private Task<HttpResponseMessage> Open(
        Func<HttpRequestMessage> request, CancellationTokenSource timed, CancellationToken cancellation) => Guard(
        () => _again.ExecuteAsync(async token => await Send(request, token, mayLack: true), timed.Token).AsTask(), timed, cancellation);

    private async Task<HttpResponseMessage> Send(Func<HttpRequestMessage> make, CancellationToken cancellation, bool mayLack = false)
    {
        using var request = make();
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        HttpResponseMessage response;
        try
        {
            response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        }
        catch (HttpRequestException e)
        {
            throw Broken(e, isUnreachable: e.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError);
        }

        if (response.IsSuccessStatusCode || (mayLack && response.StatusCode == HttpStatusCode.NotFound))
        {
            return response;
        }

        using (response)
        {
            throw OpenAiFaults.From(
                (int)response.StatusCode, await response.Content.ReadAsByteArrayAsync(cancellation),
                name => response.Headers.TryGetValues(name, out var values) ? values.FirstOrDefault() : null, redaction);
        }
    }

    // What broke because the caller left is the caller's leaving, and no fault of the provider.
    private async Task<T> Guard<T>(Func<Task<T>> call, CancellationTokenSource timed, CancellationToken cancellation)
    {
        try
        {
            return await call();
        }
        catch (OperationCanceledException e) when (timed.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            const string Late = "the provider's batch interface did not answer in time";
            throw new ProviderException(ProviderFault.Transient, Late, e) { IsTimeout = true };
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            throw Broken(e, isUnreachable: false);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw OpenAiBatchJson.Unreadable(redaction.Clean(e.Message));
        }
    }

    private ProviderException Broken(Exception e, bool isUnreachable) => new(
        ProviderFault.Transient, redaction.Clean($"the connection to the provider failed: {e.GetBaseException().Message}"), e)
    { IsUnreachable = isUnreachable };
}
