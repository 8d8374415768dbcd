namespace EmbeddingFunctions.OpenAI;

/// <summary>Reads a reply whole, and no reply larger than this program wants to hold.</summary>
internal sealed class ReplyLimit(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    // The largest honest reply, 2,048 vectors of 3,072 numbers written out, is about 80 MB.
    private const long MaxBytes = 128 * 1_024 * 1_024;

    /// <exception cref="HttpRequestException">The reply is larger.</exception>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await base.SendAsync(request, cancellationToken);
        try
        {
            await response.Content.LoadIntoBufferAsync(MaxBytes, cancellationToken);
            return response;
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }
}
