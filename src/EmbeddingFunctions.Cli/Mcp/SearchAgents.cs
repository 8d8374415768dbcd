using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using EmbeddingFunctions.AspNetCore;
using EmbeddingFunctions.Cli.Server;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Switching;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using Npgsql;

namespace EmbeddingFunctions.Cli.Mcp;

/// <summary>The Model Context Protocol: the tools of search for agents, over standard input and output or over HTTP.</summary>
internal static class SearchAgents
{
    public const string Path = "/mcp";

    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
    };

    private static Implementation Program { get; } = new()
    {
        Name = "embeddings",
        Title = "Embedding Functions",
        Version = typeof(SearchAgents).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion,
    };

    /// <summary>Serves one agent over standard input and output until it ends.</summary>
    public static async Task Serve(Session session, SearchScope scope, CancellationToken cancellation)
    {
        var options = new McpServerOptions { ServerInfo = Program, ToolCollection = [.. Tools(session, () => scope)] };
        var log = session.Get<ILoggerFactory>();
        await using var server = McpServer.Create(new StdioServerTransport(options, log), options, log);
        await server.RunAsync(cancellation);
    }

    /// <summary>Without sessions: each request stands for itself, and sees what its key shows.</summary>
    public static void AddSearchAgents(this IServiceCollection services, Session session)
    {
        var context = new HttpContextAccessor();
        services.AddMcpServer(options => options.ServerInfo = Program)
            .WithHttpTransport()
            .WithTools(Tools(session, () => context.HttpContext?.Features.Get<SearchScope>() ?? SearchScope.All));
    }

    public static void MapSearchAgents(this IEndpointRouteBuilder routes, ApiKeyGate door) =>
        routes.MapMcp(Path).WithMetadata(Admission.SearchKeys).AddEndpointFilter(async (call, next) =>
            door.IsOfAnAgent(call.HttpContext.Request) ? await next(call)
                : Results.Problem(
                    "No web page may use this, and no other name than localhost.", statusCode: StatusCodes.Status403Forbidden));

    private static IEnumerable<McpServerTool> Tools(Session session, Func<SearchScope> scope)
    {
        var tools = new SearchTools(session.Get<ScopedSearch>(), session.Get<SwitchedStatus>(), session.Get<ResolvedCorpora>(), scope);
        var (redaction, log) = (session.Get<Redaction>(), session.Get<ILogger<SearchTools>>());
        return typeof(SearchTools).GetMethods().Where(method => method.IsDefined(typeof(McpServerToolAttribute))).Select(method =>
            new ExplainedTool(
                McpServerTool.Create(method, tools, new McpServerToolCreateOptions { SerializerOptions = _json }),
                fault => Explain(fault, redaction, log)));
    }

    private static string Explain(Exception fault, Redaction redaction, ILogger log)
    {
        switch (fault)
        {
            case InvalidSearchException or SearchForbiddenException or SearchUnavailableException or CorpusException:
                return redaction.Clean(fault.Message);
            default:
                log.RequestFails("MCP", Path, fault.GetType().Name, redaction.Clean(fault.Message));
                return fault is NpgsqlException or TimeoutException || DatabaseFaults.LacksToken(fault)
                    ? "The database cannot be reached: try again later; the server's log has the reason."
                    : "A fault of this program; its log has the reason.";
        }
    }
}
