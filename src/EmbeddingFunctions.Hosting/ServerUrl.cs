using System.Net;

namespace EmbeddingFunctions.Hosting;

/// <summary>The address of a provider: https, or of this machine, and nothing in it that could be a secret.</summary>
internal static class ServerUrl
{
    /// <returns>The address, ending with a slash, or what is wrong with it.</returns>
    public static (Uri? Url, string? Problem) Read(string value)
    {
        if (!Uri.TryCreate(value, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
        {
            return (null, "is no http or https address: write it like https://host/v1.");
        }

        var problem = url.UserInfo.Length > 0 ? "carries a user or password: put the key into OPENAI_API_KEY."
            : url.Query.Length + url.Fragment.Length > 0 ? "carries a ? or #: write it like https://host/v1."
            // Plain http would show the key to the network; a server on this machine is the exception.
            : url.Scheme == "http" && !IsLoopback(url) ? $"({url.Host}) is http on another machine: use https."
            : null;
        return problem is not null ? (null, problem)
            : (url.AbsoluteUri.EndsWith('/') ? url : new Uri(url.AbsoluteUri + "/"), null);
    }

    public static bool IsLoopback(Uri url) =>
        url.Host is "localhost" || (IPAddress.TryParse(url.Host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
