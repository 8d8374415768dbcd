using System.ComponentModel.DataAnnotations;
using System.Net.Mime;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Infrastructure;
using Microsoft.AspNetCore.Mvc.ModelBinding;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace EmbeddingFunctions.Cli.Server;

/// <summary>
/// The OpenAPI document of the HTTP API: what its routes say of themselves and, since no metadata of the framework says so, which
/// headers and keys there are, and that an answer has each of its fields and no other.
/// </summary>
internal static class ApiDocument
{
    public const string Path = "/openapi/v1.json";

    private const string Key = "key";
    private const string SearchKey = "searchKey";

    public static void AddApiDocument(this IServiceCollection services)
    {
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
            json.SerializerOptions.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
            json.SerializerOptions.RespectRequiredConstructorParameters = true;
        });
        services.AddOpenApi(options =>
        {
            options.ShouldInclude = route => route.ActionDescriptor.EndpointMetadata.OfType<Operation>().Any();
            options.AddDocumentTransformer((document, _, _) => Introduce(document));
            options.AddOperationTransformer(Complete);
            options.AddSchemaTransformer((schema, context, _) => Describe(schema, context));
        });
    }

    /// <summary>Adds to the routes what this server's door answers.</summary>
    public static void AnswerAtDoor(this IEndpointConventionBuilder routes) => routes.Finally(route =>
    {
        if (!route.Metadata.Contains(Admission.Everyone))
        {
            route.Metadata.Add(RouteDescription.Problem(StatusCodes.Status401Unauthorized, "The key is missing or wrong."));
        }
    });

    private static Task Introduce(OpenApiDocument document)
    {
        document.Info = new OpenApiInfo
        {
            Title = "Embedding Functions",
            Version = "1",
            Description = "Events in, runs and status out; the same in the Functions app, the local server and an application's own host.",
        };
        document.Components!.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
        {
            [Key] = Header(ApiKeyGate.KeyHeader, null),
            [SearchKey] = Header(SearchKeys.Header, "It may search, within its corpora and partitions, and do nothing else."),
        };
        return Task.CompletedTask;
    }

    private static OpenApiSecurityScheme Header(string name, string? description) =>
        new() { Type = SecuritySchemeType.ApiKey, In = ParameterLocation.Header, Name = name, Description = description };

    private static async Task Complete(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        operation.OperationId = metadata.OfType<Operation>().Single().Id;
        string[] keys = metadata.Contains(Admission.Everyone) ? [] : metadata.Contains(Admission.SearchKeys) ? [Key, SearchKey] : [Key];
        operation.Security =
            [.. keys.Select(key => new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(key, context.Document)] = [] })];
        var answers = operation.Responses!;
        foreach (var header in metadata.OfType<SentHeader>())
        {
            var response = (OpenApiResponse)answers[$"{header.Status}"];
            response.Headers ??= new Dictionary<string, IOpenApiHeader>();
            response.Headers[header.Name] = new OpenApiHeader
            {
                Description = header.Description,
                Schema = new OpenApiSchema { Type = header.IsNumber ? JsonSchemaType.Integer : JsonSchemaType.String },
            };
        }

        operation.Responses = new OpenApiResponses();
        foreach (var (status, response) in answers.OrderBy(answer => answer.Key, StringComparer.Ordinal))
        {
            operation.Responses[status] = response;
        }

        if (metadata.OfType<OtherBody>().FirstOrDefault()?.Type is { } other)
        {
            var body = context.Description.ParameterDescriptions.Single(parameter => parameter.Source == BindingSource.Body);
            context.Document!.Components!.Schemas![other.Name] = await context.GetOrCreateSchemaAsync(other, body, cancellation);
            var content = operation.RequestBody!.Content![MediaTypeNames.Application.Json];
            content.Schema = new OpenApiSchema { OneOf = [content.Schema!, new OpenApiSchemaReference(other.Name, context.Document)] };
        }
    }

    private static Task Describe(OpenApiSchema schema, OpenApiSchemaTransformerContext context)
    {
        var isOfAnother = schema.Metadata?.TryGetValue("x-schema-id", out var id) == true && id is string { Length: > 0 };
        if (CodeComments.Of(context.JsonTypeInfo.Type) is { } meaning)
        {
            schema.Description = meaning;
        }

        if (context.JsonPropertyInfo?.AttributeProvider is PropertyInfo member && CodeComments.Of(member) is { } comment)
        {
            if (isOfAnother)
            {
                schema.Metadata!["x-ref-description"] = comment;
            }
            else
            {
                schema.Description = comment;
            }
        }

        var parameter = context.ParameterDescription?.ParameterDescriptor as IParameterInfoParameterDescriptor;
        var attributes = context.JsonPropertyInfo is { } property ? property.AttributeProvider : parameter?.ParameterInfo;
        if (Of<AllowedValuesAttribute>(attributes).FirstOrDefault() is { } words)
        {
            schema.Enum =
                [.. words.Values.Select(word => word is null ? JsonNullSentinel.JsonNull : JsonSerializer.SerializeToNode(word)!)];
        }

        if (context.ParameterDescription is not null)
        {
            return Task.CompletedTask;
        }

        schema.Default = null;
        if (context.JsonPropertyInfo is { } field && (IsLeftOut(field) || field is { Set: null, IsGetNullable: false }))
        {
            schema.Type &= ~JsonSchemaType.Null;
            schema.Metadata?.Remove("x-is-nullable-property");
        }

        if (context.JsonTypeInfo is { Kind: JsonTypeInfoKind.Object } type)
        {
            schema.Required = type.Type.IsAssignableTo(typeof(ProblemDetails)) ? new HashSet<string> { "title", "status" }
                : type.Properties.Where(one => !IsLeftOut(one)).Select(one => one.Name).ToHashSet();
        }

        return Task.CompletedTask;
    }

    // Where it is null.
    private static bool IsLeftOut(JsonPropertyInfo field) => Of<JsonIgnoreAttribute>(field.AttributeProvider).Any();

    private static IEnumerable<T> Of<T>(ICustomAttributeProvider? member) => member?.GetCustomAttributes(inherit: false).OfType<T>() ?? [];
}
