using System.Reflection;
using EmbeddingFunctions.Testing;
using EmbeddingFunctions.Testing.Durable;
using EmbeddingFunctions.Tests.Functions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions.Tests.Http;

/// <summary>
/// The app's HTTP functions behind real HTTP: routed by what their triggers say, made by injection, called with a real context.
/// </summary>
internal sealed class FunctionsHost : IAsyncDisposable
{
    private readonly TestEngine _engine;
    private readonly DurableHost _durable;
    private readonly WebApplication _web;

    private FunctionsHost(TestEngine engine, DurableHost durable)
    {
        (_engine, _durable) = (engine, durable);
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseTestServer();
        _web = builder.Build();
        foreach (var function in AppFunctions.All.Values.Where(function => function.TriggerType == "httpTrigger"))
        {
            var methods = function.Trigger["methods"]!.AsArray().Select(method => ((string)method!).ToUpperInvariant());
            _web.MapMethods($"/{function.Trigger["route"]}", methods, context => Call(function.Method, context));
        }
    }

    public static async Task<FunctionsHost> Start(
        NpgsqlDataSource database, FakeOpenAi fake, string? corporaFile = null, string? searchKeysFile = null)
    {
        var host = new FunctionsHost(
            new TestEngine(database, fake, settings => settings with { CorporaFile = corporaFile, SearchKeysFile = searchKeysFile }),
            await DurableHost.Start(activities: null));
        await host._web.StartAsync();
        return host;
    }

    public HttpClient Client() => _web.GetTestClient();

    /// <summary>The runs that were scheduled; none begins.</summary>
    public Task<IReadOnlyList<Guid>> Begun() => _durable.Instances();

    public async ValueTask DisposeAsync()
    {
        await _web.DisposeAsync();
        await _durable.DisposeAsync();
        await _engine.DisposeAsync();
    }

    private async Task Call(MethodInfo function, HttpContext context)
    {
        var instance = ActivatorUtilities.CreateInstance(_engine.Get<IServiceProvider>(), function.DeclaringType!);
        var arguments = function.GetParameters().Select(parameter => Argument(parameter, context)).ToArray();
        var result = await (Task<IResult>)function.Invoke(instance, arguments)!;
        await result.ExecuteAsync(context);
    }

    private object? Argument(ParameterInfo parameter, HttpContext context) =>
        parameter.ParameterType == typeof(HttpRequest) ? context.Request
        : parameter.ParameterType == typeof(CancellationToken) ? context.RequestAborted
        : parameter.ParameterType == typeof(DurableTaskClient) ? _durable.Client
        : context.GetRouteValue(parameter.Name!);
}
