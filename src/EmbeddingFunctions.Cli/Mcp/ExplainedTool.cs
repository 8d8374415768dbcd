using System.Text.Json;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace EmbeddingFunctions.Cli.Mcp;

/// <summary>A tool whose errors say what to do: the protocol's library shows an agent no reason of its own.</summary>
internal sealed class ExplainedTool(McpServerTool tool, Func<Exception, string> explain) : DelegatingMcpServerTool(tool)
{
    private readonly IReadOnlyList<string> _arguments = tool.ProtocolTool.InputSchema.GetProperty("properties").EnumerateObject()
        .Select(property => property.Name).ToList();

    public override async ValueTask<CallToolResult> InvokeAsync(
        RequestContext<CallToolRequestParams> request, CancellationToken cancellationToken = default)
    {
        try
        {
            var unknown = request.Params?.Arguments?.Keys.Except(_arguments).ToList() ?? [];
            return unknown.Count > 0
                ? Error($"There is no argument {string.Join(", ", unknown)}: this tool takes {string.Join(", ", _arguments)}.")
                : await base.InvokeAsync(request, cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            return Error(e switch
            {
                McpException => e.Message,
                JsonException or ArgumentException { ParamName: "arguments" } =>
                    $"An argument has another type than the tool's: {e.Message}",
                _ => explain(e),
            });
        }
    }

    private static CallToolResult Error(string message) => new() { IsError = true, Content = [new TextContentBlock { Text = message }] };
}
