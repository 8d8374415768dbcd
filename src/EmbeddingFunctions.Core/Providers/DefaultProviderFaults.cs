using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Providers;

/// <summary>Judges an exception by its HTTP status, or by its kind where it has none.</summary>
internal sealed partial class DefaultProviderFaults : IProviderFaults
{
    public ProviderException? Classify(Exception exception) => Of(exception);

    public static ProviderException Of(Exception exception)
    {
        var innermost = exception.GetBaseException();
        return exception switch
        {
            ProviderException known => known,
            OperationCanceledException or TimeoutException =>
                new(ProviderFault.Transient, $"the provider did not answer in time: {innermost.Message}", exception) { IsTimeout = true },
            _ when Status(exception) is { } status =>
                new(OfStatus(status), $"the provider answered {status}: {exception.Message}", exception)
                {
                    IsOverload = status is 503 or 529,
                },
            _ when exception is HttpRequestException or IOException || innermost is SocketException =>
                new(ProviderFault.Transient, $"the connection to the provider failed: {innermost.Message}", exception)
                {
                    IsUnreachable = innermost is SocketException,
                    MayBeCharged = innermost is not SocketException,
                },
            _ => new(ProviderFault.Transient, $"the generator failed: {innermost.Message}", exception) { MayBeCharged = true },
        };
    }

    // Clients have exceptions of their own, and most write the status into the message: 'HTTP 429 (Too Many Requests)', 'Status: 429'.
    private static int? Status(Exception exception) =>
        exception is HttpRequestException { StatusCode: { } code } ? (int)code
        : StatusPattern().Match(exception.Message) is { Success: true } match ? int.Parse(match.Groups[1].Value)
        : null;

    private static ProviderFault OfStatus(int status) => status switch
    {
        400 or 422 => ProviderFault.Item,
        413 => ProviderFault.TooManyTokens,
        408 or 409 or 425 or 429 => ProviderFault.Transient,
        501 or 505 => ProviderFault.Configuration,
        >= 500 => ProviderFault.Transient,
        _ => ProviderFault.Configuration,
    };

    [GeneratedRegex(@"\b(?:HTTP|status(?: code)?)[ :(]*([45][0-9]{2})\b", RegexOptions.IgnoreCase)]
    private static partial Regex StatusPattern();
}
