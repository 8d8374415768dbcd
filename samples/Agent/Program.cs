using System.Text.Json;
using ModelContextProtocol.Client;

// What an agent does when it is registered as docs/mcp.md shows: the program's path, and a question.
await using var client = await McpClient.CreateAsync(new StdioClientTransport(new StdioClientTransportOptions
{
    Command = args[0],
    Arguments = ["mcp"],
}));
foreach (var tool in await client.ListToolsAsync())
{
    Console.WriteLine($"{tool.Name}: {tool.Description}");
}

var answer = await client.CallToolAsync("search", new Dictionary<string, object?> { ["query"] = args[1], ["limit"] = 5 });
foreach (var found in answer.StructuredContent!.Value.GetProperty("results").EnumerateArray())
{
    var similarity = found.GetProperty("similarity").Deserialize<double?>();
    Console.WriteLine($"{similarity:0.00}  {found.GetProperty("kind"),-13} {found.GetProperty("title")}");
}
