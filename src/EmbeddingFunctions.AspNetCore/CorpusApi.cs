using System.Text.Json;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Status;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>The part of the HTTP API that tells what corpora are, and looks whether all that is kept for them is right.</summary>
internal sealed class CorpusApi(CorpusSet corpora, DeclarationReport declarations, Audit audit, RequestGuard guard)
{
    private const int MaxBytes = 1024;

    private static readonly string[] _fields = RequestBody.FieldsOf<AuditChoice>();

    /// <summary>GET <see cref="Routes.Declarations"/>: every corpus as declared, with its indexes and its status as counted last.</summary>
    public Task<IResult> List(HttpRequest request, CancellationToken cancellation) => guard.Serve(request, async () =>
        Replies.Json(request, new DeclaredCorpora(await declarations.All(cancellation))), cancellation);

    /// <summary>
    /// POST <see cref="Routes.Audit"/>: what no run would find; with <c>{"repair":true}</c> wrong vectors are made pending, and what is
    /// left over is deleted.
    /// </summary>
    public Task<IResult> Audit(HttpRequest request, string corpus, CancellationToken cancellation) => guard.Serve(request, async () =>
    {
        var (json, refusal) = await RequestBody.Read(request, MaxBytes, "The choice", cancellation);
        using (json)
        {
            return json is null ? refusal!
                : IsRepaired(json.RootElement) is not { } isRepaired
                    ? Replies.Invalid("repair", "repair takes true or false, in an object like {\"repair\":false}.")
                    : Replies.Json(await audit.Of(corpora.Live(corpus).Name, isRepaired, cancellation));
        }
    }, cancellation);

    private static bool? IsRepaired(JsonElement json) =>
        json.ValueKind != JsonValueKind.Object || json.EnumerateObject().Any(property => !_fields.Contains(property.Name)) ? null
        : !json.TryGetProperty("repair", out var value) ? false
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : null;
}

internal sealed record DeclaredCorpora(IReadOnlyList<DeclaredCorpus> Declarations);

/// <param name="Repair">Whether to make wrong vectors pending and to delete what is left over.</param>
internal sealed record AuditChoice(bool Repair = false);
