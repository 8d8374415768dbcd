using System.Net;
using System.Security.Cryptography;
using System.Text;
using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.Cli.Server;

/// <summary>The dashboard's door in the local server: its keys, or without any this machine alone.</summary>
/// <param name="gate">Knows the keys.</param>
/// <param name="keyFile">Where the key is that the server made for itself, or null.</param>
internal sealed class ServerDoor(ApiKeyGate gate, Func<string?> keyFile) : IDashboardDoor
{
    public bool HasLogin => gate.HasKey;

    public ValueTask<DashboardRole?> RoleOf(HttpContext context) => new(gate.RoleOf(context.Request));

    public ValueTask<DashboardRole?> RoleOfKey(HttpContext context) => RoleOf(context);

    // Another key ends the sessions of the old one.
    public ValueTask<byte[]?> Secret(DashboardRole role, CancellationToken cancellation) => new(
        gate.DigestOf(role) is { } digest ? HMACSHA256.HashData(digest, Encoding.ASCII.GetBytes("dashboard session")) : null);

    public string Hint(HttpContext context) => !HasLogin
        ? "Without a key only programs of this machine are let in: no other web page, no proxy, no other name than localhost."
        : keyFile() is { } file && IsLocal(context)
            ? $"The server made a key for itself. It is in the file {file}, which only the user who started the server can read."
            : "The server's key: EMBEDDINGS_API_KEY. With EMBEDDINGS_READ_KEY one may only look.";

    private static bool IsLocal(HttpContext context) =>
        context.Connection.RemoteIpAddress is { } from && IPAddress.IsLoopback(from) && !LocalRequest.IsForwarded(context.Request);
}
