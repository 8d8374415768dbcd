using EmbeddingFunctions.Settings;

namespace EmbeddingFunctions.Alerts;

/// <summary>Posts alerts to the receiver, whose address may be a secret: no message has it.</summary>
internal sealed class AlertSender(EmbeddingSettings settings, TimeProvider time) : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = TimeSpan.FromSeconds(10) };

    /// <returns>Why the receiver did not take it; null: it did.</returns>
    public async Task<string?> Send(Alert alert, CancellationToken cancellation)
    {
        using var body = AlertRequest.Body(alert, settings.AlertForm, settings.AlertSecret, time.GetUtcNow());
        try
        {
            using var answer = await _http.PostAsync(settings.AlertUrl, body, cancellation);
            return answer.IsSuccessStatusCode ? null : $"it answered {(int)answer.StatusCode}";
        }
        catch (HttpRequestException e)
        {
            return $"it cannot be reached ({e.HttpRequestError})";
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return "it did not answer within 10 seconds";
        }
    }

    public void Dispose() => _http.Dispose();
}
