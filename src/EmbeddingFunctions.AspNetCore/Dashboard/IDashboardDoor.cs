using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>Who is let in to the dashboard: those with a host's key, or whom an app's own authorization lets in.</summary>
internal interface IDashboardDoor
{
    /// <summary>Whether a person signs in by a key.</summary>
    bool HasLogin { get; }

    /// <returns>What the caller may do; null: it is not known.</returns>
    ValueTask<DashboardRole?> RoleOf(HttpContext context);

    /// <returns>What the key that the request carries lets its holder do; null: no such key.</returns>
    ValueTask<DashboardRole?> RoleOfKey(HttpContext context);

    /// <returns>What signs the sessions of a role, 32 bytes; null: it has none now.</returns>
    ValueTask<byte[]?> Secret(DashboardRole role, CancellationToken cancellation);

    /// <returns>A sentence that tells the caller how to get in.</returns>
    string Hint(HttpContext context);
}

/// <summary>What a person may do in the dashboard.</summary>
internal enum DashboardRole
{
    /// <summary>Look, but see no text of a row.</summary>
    Reader,

    /// <summary>All.</summary>
    Operator,
}
