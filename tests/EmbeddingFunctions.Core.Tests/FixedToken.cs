using Azure.Core;
using Azure.Identity;

namespace EmbeddingFunctions.Core.Tests;

/// <summary>Entra in its shortest form: always the same token, or none.</summary>
internal sealed class FixedToken(string? token) : TokenCredential
{
    public List<string> Scopes { get; } = [];

    public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken)
    {
        Scopes.AddRange(requestContext.Scopes);
        return token is null
            ? throw new AuthenticationFailedException("there is no identity here")
            : new AccessToken(token, DateTimeOffset.UtcNow.AddHours(1));
    }

    public override ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken) =>
        new(GetToken(requestContext, cancellationToken));
}
