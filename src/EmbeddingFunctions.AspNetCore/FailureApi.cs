using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>The part of the HTTP API about items that failed.</summary>
internal sealed class FailureApi(
    CorpusSet corpora, ResolvedCorpora resolved, FailureReport report, FailedItems items, EmbeddingSettings settings, RequestGuard guard)
{
    public const int DefaultItems = 50;
    public const int MaxItems = 200;

    private const int MaxBytes = 64 * 1024;

    private static readonly string[] _fields = RequestBody.FieldsOf<ChosenItems>();

    /// <summary>GET <see cref="Routes.Failures"/>: by reason, the largest groups first, of <c>?corpus=</c> or of all.</summary>
    public Task<IResult> Groups(HttpRequest request, CancellationToken cancellation) => guard.Serve(request, async () =>
        await Names(request, cancellation) is not { } names ? UnknownCorpus(request)
            : Replies.Json(request, await report.Groups(names, cancellation)), cancellation);

    /// <summary>
    /// GET <see cref="Routes.FailedItems"/> with <c>corpus</c>, <c>kind</c>, <c>reason</c>, <c>limit</c> and <c>cursor</c>: the last to
    /// fail first, with their texts where the host is set to show them.
    /// </summary>
    public Task<IResult> Items(HttpRequest request, CancellationToken cancellation) => guard.Serve(request, async () =>
    {
        var (limit, after) = (DefaultItems, (FailureCursor?)null);
        if (Query(request, "limit") is { } text && !(int.TryParse(text, out limit) && limit is >= 1 and <= MaxItems))
        {
            return Replies.Invalid("limit", $"limit is '{text}'; it takes a whole number from 1 to {MaxItems}.");
        }

        if (Query(request, "cursor") is { } cursor && !FailureCursor.TryParse(cursor, out after))
        {
            return Replies.Invalid("cursor", "It is no cursor: take 'next' of the page before, or leave it out.");
        }

        var (kind, reason) = (Query(request, "kind"), Query(request, "reason"));
        if ($"{kind}{reason}".Contains('\0', StringComparison.Ordinal))
        {
            return Replies.Invalid("reason", "A NUL is in no kind and no reason.");
        }

        return await Names(request, cancellation) is not { } names ? UnknownCorpus(request)
            : Replies.Json(request, await report.Page(
                names, kind, reason, limit, after, MaySeeTexts(request), cancellation));
    }, cancellation);

    /// <summary>POST <see cref="Routes.RetryFailures"/>: the next run tries the items again, with three attempts.</summary>
    public Task<IResult> Retry(HttpRequest request, CancellationToken cancellation) =>
        Change(request, async (corpus, choice) =>
        {
            var done = await items.Retry(corpus, choice, cancellation);
            return (done.Retried, done.Refused);
        }, cancellation);

    /// <summary>POST <see cref="Routes.IgnoreFailures"/>: no run tries the items again until their texts change.</summary>
    public Task<IResult> Ignore(HttpRequest request, CancellationToken cancellation) =>
        Change(request, async (corpus, choice) =>
        {
            var done = await items.Ignore(corpus, choice, cancellation);
            return (done.Ignored, done.Refused);
        }, cancellation);

    private Task<IResult> Change(
        HttpRequest request, Func<string, FailureFilter, Task<(int Changed, int Refused)>> change, CancellationToken cancellation) =>
        guard.Serve(request, async () =>
    {
        var (json, refusal) = await RequestBody.Read(request, MaxBytes, "A choice of items", cancellation);
        using (json)
        {
            if (json is null)
            {
                return refusal!;
            }

            var errors = new Dictionary<string, string[]>();
            var (corpus, choice) = Read(json.RootElement, errors);
            if (errors.Count > 0)
            {
                return Replies.Invalid(errors);
            }

            var (changed, refused) = await change(corpus!.Name, choice);
            return Replies.Json(new ChangedItems(changed, refused));
        }
    }, cancellation);

    private (Corpus? Corpus, FailureFilter Choice) Read(JsonElement json, Dictionary<string, string[]> errors)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            errors["$"] = ["$ is no JSON object; send {\"corpus\":\"…\"}, with kind, reason or ids."];
            return (null, new FailureFilter([]));
        }

        foreach (var unknown in json.EnumerateObject().Where(property => !_fields.Contains(property.Name)))
        {
            errors[unknown.Name] = [$"{unknown.Name} is not known here; known are: {string.Join(", ", _fields)}."];
        }

        string? Text(string name)
        {
            if (!json.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
            {
                return null;
            }

            if (value.ValueKind != JsonValueKind.String || value.GetString()!.Contains('\0', StringComparison.Ordinal))
            {
                errors[name] = [$"{name} is no string, or has a NUL."];
                return null;
            }

            return value.GetString();
        }

        var (name, kind, reason) = (Text("corpus"), Text("kind"), Text("reason"));
        var corpus = name is null ? null : corpora.Find(name);
        if (corpus is null)
        {
            errors.TryAdd("corpus", [name is null ? "corpus is missing." : corpora.Unknown(name)]);
            return (null, new FailureFilter([]));
        }

        if (kind is not null && corpus.Tables.All(table => table.Kind != kind))
        {
            errors["kind"] = [$"kind is '{kind}'; '{name}' has {string.Join(", ", corpus.Tables.Select(table => table.Kind))}."];
        }

        return (corpus, new FailureFilter(Ids(json, corpus, kind, errors))
        {
            Kind = kind,
            WholeReason = reason,
            MayHaveOthers = true,
        });
    }

    private static List<(string, string)> Ids(JsonElement json, Corpus corpus, string? kind, Dictionary<string, string[]> errors)
    {
        if (!json.TryGetProperty("ids", out var ids) || ids.ValueKind == JsonValueKind.Null)
        {
            return [];
        }

        if (ids.ValueKind != JsonValueKind.Array || ids.GetArrayLength() == 0
            || ids.EnumerateArray().Any(
                id => id.ValueKind != JsonValueKind.String || id.GetString()!.Contains('\0', StringComparison.Ordinal)))
        {
            errors["ids"] = ["ids is no list of strings, or is empty: leave it out to mean all."];
            return [];
        }

        if (kind is null && corpus.Tables.Count > 1)
        {
            errors["kind"] = [$"ids need their kind: {string.Join(", ", corpus.Tables.Select(table => table.Kind))}."];
            return [];
        }

        return ids.EnumerateArray().Select(id => (kind ?? corpus.Tables[0].Kind, id.GetString()!)).ToList();
    }

    private bool MaySeeTexts(HttpRequest request) =>
        settings.ShowsTexts && request.HttpContext.Features.Get<ShownTo>() is not { Role: DashboardRole.Reader };

    // The live generations of what the database was migrated for.
    private async Task<IReadOnlyList<string>?> Names(HttpRequest request, CancellationToken cancellation)
    {
        var migrated = (await resolved.Migrated(cancellation))
            .Where(corpus => corpus.Generation is null or { IsLive: true }).Select(corpus => corpus.Name).ToList();
        return Query(request, "corpus") is not { } name ? migrated
            : corpora.Find(name) is not { } corpus ? null
            : [(await resolved.Get(corpus.Name, cancellation)).Corpus.Name];
    }

    private IResult UnknownCorpus(HttpRequest request) => Replies.Invalid("corpus", corpora.Unknown(Query(request, "corpus")!));

    private static string? Query(HttpRequest request, string name) =>
        request.Query[name].FirstOrDefault() is { Length: > 0 } value ? value : null;
}

/// <summary>All failed items of the corpus, or those to which each given field applies.</summary>
/// <param name="Reason">To the letter.</param>
/// <param name="Ids">With their kind, where the corpus has several; an ignored item is retried only if it is named here.</param>
internal sealed record ChosenItems(
    string Corpus, string? Kind = null, string? Reason = null, [property: MinLength(1)] IReadOnlyList<string>? Ids = null);

/// <param name="Refused">Items whose rows are locked, or that the database does not let be written: they stay failed.</param>
internal sealed record ChangedItems(int Changed, int Refused);
