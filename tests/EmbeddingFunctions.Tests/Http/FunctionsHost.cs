using System.Reflection;
using EmbeddingFunctions.Testing;
using EmbeddingFunctions.Tests.Functions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Moq;
using Npgsql;

namespace EmbeddingFunctions.Tests.Http;

/// <summary>The app's HTTP functions behind real HTTP: routed by what their triggers say, made by injection, called with a real context.</summary>
internal sealed class FunctionsHost : IAsyncDisposable
{
    private readonly Dictionary<string, OrchestrationMetadata> _instances = [];
    private readonly TestEngine _engine;
    private readonly WebApplication _web;

    private FunctionsHost(TestEngine engine)
    {
        _engine = engine;
        var builder = WebApplication.CreateBuilder();
        builder.WebHost.UseTestServer();
        _web = builder.Build();
        foreach (var function in AppFunctions.All.Values)
        {
            if (Trigger(function) is { } trigger)
            {
                _web.MapMethods($"/api/{trigger.Route}", trigger.Methods!.Select(method => method.ToUpperInvariant()), context => Call(function, context));
            }
        }
    }

    /// <summary>The runs that were begun, by instance id.</summary>
    public IEnumerable<string> Begun => _instances.Keys;

    public static async Task<FunctionsHost> Start(NpgsqlDataSource database, FakeOpenAi fake)
    {
        var host = new FunctionsHost(new TestEngine(database, fake));
        await host._web.StartAsync();
        return host;
    }

    public HttpClient Client() => _web.GetTestClient();

    public async ValueTask DisposeAsync()
    {
        await _web.DisposeAsync();
        await _engine.DisposeAsync();
    }

    private static HttpTriggerAttribute? Trigger(MethodInfo function) =>
        function.GetParameters().Select(parameter => parameter.GetCustomAttribute<HttpTriggerAttribute>()).OfType<HttpTriggerAttribute>().SingleOrDefault();

    private async Task Call(MethodInfo function, HttpContext context)
    {
        var instance = AppFunctions.Create(function, _engine.Get<IServiceProvider>());
        var arguments = function.GetParameters().Select(parameter => Argument(parameter, context)).ToArray();
        var result = await (Task<IResult>)function.Invoke(instance, arguments)!;
        await result.ExecuteAsync(context);
    }

    private object? Argument(ParameterInfo parameter, HttpContext context) =>
        parameter.ParameterType == typeof(HttpRequest) ? context.Request
        : parameter.ParameterType == typeof(CancellationToken) ? context.RequestAborted
        : parameter.ParameterType == typeof(DurableTaskClient) ? Durable()
        : context.GetRouteValue(parameter.Name!);

    // Schedules and remembers, and runs nothing.
    private DurableTaskClient Durable()
    {
        var client = new Mock<DurableTaskClient>(MockBehavior.Strict, "test");
        client.Setup(c => c.GetInstanceAsync(It.IsAny<string>(), It.IsAny<bool>(), It.IsAny<CancellationToken>()))
            .ReturnsAsync((string id, bool _, CancellationToken _) => _instances.GetValueOrDefault(id));
        client.Setup(c => c.ScheduleNewOrchestrationInstanceAsync(
                It.IsAny<TaskName>(), It.IsAny<object?>(), It.IsAny<StartOrchestrationOptions?>(), It.IsAny<CancellationToken>()))
            .ReturnsAsync((TaskName name, object? _, StartOrchestrationOptions? options, CancellationToken _) =>
            {
                _instances.Add(options!.InstanceId!, new OrchestrationMetadata(name.Name, options.InstanceId!) { RuntimeStatus = OrchestrationRuntimeStatus.Pending });
                return options.InstanceId!;
            });
        client.Setup(c => c.RaiseEventAsync(It.IsAny<string>(), It.IsAny<string>(), It.IsAny<object?>(), It.IsAny<CancellationToken>())).Returns(Task.CompletedTask);
        return client.Object;
    }
}
