using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>What a route says of itself, as metadata from which ASP.NET Core makes an app's OpenAPI document.</summary>
internal static class RouteDescription
{
    private const string Json = "application/json";
    private const string NotReady = "The database is not ready or cannot be reached.";

    /// <param name="route">The route.</param>
    /// <param name="id">Its operation's id; no endpoint has it for a name, since an app may map a route twice.</param>
    /// <param name="summary">What it does.</param>
    /// <param name="unavailable">When it answers 503 with a problem; null: it does not.</param>
    public static RouteHandlerBuilder Describe(
        this RouteHandlerBuilder route, string id, string summary, string? unavailable = NotReady)
    {
        route.WithSummary(summary).WithMetadata(new Operation(id));
        return unavailable is null ? route
            : route.Refuses(StatusCodes.Status503ServiceUnavailable, unavailable)
                .Refuses(StatusCodes.Status500InternalServerError, "A fault of this program; the host's log has the reason.");
    }

    /// <typeparam name="T">Has the parameters that the route reads of its request by itself.</typeparam>
    public static RouteHandlerBuilder Takes<T>(this RouteHandlerBuilder route)
        where T : Delegate =>
        route.WithMetadata([.. typeof(T).GetMethod(nameof(Action.Invoke))!.GetParameters().Select(taken => new Parameter(taken))]);

    public static RouteHandlerBuilder TakesBody<T>(this RouteHandlerBuilder route)
        where T : notnull => route.Takes<Body<T>>();

    /// <typeparam name="T">Another form of the body.</typeparam>
    public static RouteHandlerBuilder TakesToo<T>(this RouteHandlerBuilder route) => route.WithMetadata(new OtherBody(typeof(T)));

    public static RouteHandlerBuilder Answers<T>(
        this RouteHandlerBuilder route, string description, int status = StatusCodes.Status200OK, string type = Json) =>
        route.WithMetadata(new ProducesResponseTypeAttribute(typeof(T), status, type) { Description = description });

    /// <summary>The same with a tag of the body, which may be asked for again.</summary>
    public static RouteHandlerBuilder AnswersTagged<T>(this RouteHandlerBuilder route, string description) => route
        .Answers<T>(description)
        .Sends(StatusCodes.Status200OK, "ETag", "The body's tag, for If-None-Match.")
        .WithMetadata(new ProducesResponseTypeAttribute(StatusCodes.Status304NotModified)
        {
            Description = "The body has the tag that If-None-Match names.",
        });

    public static RouteHandlerBuilder Refuses(this RouteHandlerBuilder route, int status, string description) =>
        route.WithMetadata(Problem(status, description));

    public static RouteHandlerBuilder TooLarge(this RouteHandlerBuilder route) =>
        route.Refuses(StatusCodes.Status413PayloadTooLarge, "The body is too large.");

    public static RouteHandlerBuilder Sends(
        this RouteHandlerBuilder route, int status, string header, string description, bool isNumber = false) =>
        route.WithMetadata(new SentHeader(status, header, description, isNumber));

    public static ProducesResponseTypeAttribute Problem(int status, string description) => new(
        status == StatusCodes.Status400BadRequest ? typeof(HttpValidationProblemDetails) : typeof(ProblemDetails), status,
        "application/problem+json")
    {
        Description = description,
    };

    private delegate void Body<in T>([FromBody] T body)
        where T : notnull;

    private sealed class Parameter(ParameterInfo parameter) : IParameterBindingMetadata
    {
        public string Name => parameter.Name!;

        public bool HasTryParse => parameter.ParameterType != typeof(string) && !parameter.ParameterType.IsArray;

        public bool HasBindAsync => false;

        public ParameterInfo ParameterInfo => parameter;

        public bool IsOptional => parameter.HasDefaultValue;
    }
}

/// <summary>Metadata of a route: its operation's id.</summary>
internal sealed record Operation(string Id);

/// <summary>Metadata of a route: another form of its body.</summary>
internal sealed record OtherBody(Type Type);

/// <summary>Metadata of a route: a header of its answers with a status.</summary>
internal sealed record SentHeader(int Status, string Name, string Description, bool IsNumber);
