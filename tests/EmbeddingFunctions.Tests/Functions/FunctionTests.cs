using System.Reflection;
using EmbeddingFunctions.App;
using EmbeddingFunctions.Runs;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.Tests.Functions;

/// <summary>What the host finds in the app: names, triggers, routes, methods, levels.</summary>
public sealed class FunctionTests
{
    private static readonly IReadOnlyDictionary<string, MethodInfo> _functions = AppFunctions.All;

    [Fact]
    public void The_app_has_these_functions_and_no_others() => Assert.Equal(
        [
            "CancelRun", "CloseRun", "ComputeRequested", "EmbedBatch", "EmbeddingsTimer", "GetHealth", "GetRun", "GetStatus", "ListRuns",
            "OpenRun", "PlanPage", "RunOrchestrator", "StartRun",
        ],
        _functions.Keys.Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("ComputeRequested", "post", "embeddings/compute", AuthorizationLevel.Function)]
    [InlineData("GetRun", "get", "embeddings/runs/{runId}", AuthorizationLevel.Function)]
    [InlineData("ListRuns", "get", "embeddings/runs", AuthorizationLevel.Function)]
    [InlineData("CancelRun", "post", "embeddings/runs/{runId}/cancel", AuthorizationLevel.Function)]
    [InlineData("GetStatus", "get", "embeddings/status", AuthorizationLevel.Function)]
    [InlineData("GetHealth", "get", "embeddings/health", AuthorizationLevel.Anonymous)]
    public void An_HTTP_function_has_one_method_its_route_and_its_level(string name, string method, string route, AuthorizationLevel level)
    {
        var trigger = Trigger<HttpTriggerAttribute>(name);

        Assert.Equal((route, level), (trigger.Route, trigger.AuthLevel));
        Assert.Equal(method, Assert.Single(trigger.Methods!));
        Assert.Equal(typeof(Task<IResult>), _functions[name].ReturnType);
    }

    [Fact]
    public void The_timer_s_schedule_is_a_setting()
    {
        var trigger = Trigger<TimerTriggerAttribute>("EmbeddingsTimer");

        Assert.Equal(("%EMBEDDINGS_SCHEDULE%", false), (trigger.Schedule, trigger.RunOnStartup));
    }

    [Fact]
    public void There_is_one_orchestration_and_the_engine_starts_it_by_its_name()
    {
        Assert.Equal(nameof(RunOrchestrator), Assert.Single(With<OrchestrationTriggerAttribute>()));
        Assert.True(_functions[nameof(RunOrchestrator)].IsStatic, "An orchestrator keeps nothing.");
    }

    [Fact]
    public void There_is_an_activity_of_each_name_that_the_orchestration_calls_with_its_types()
    {
        var called = typeof(RunActivities).GetFields(BindingFlags.Public | BindingFlags.Static)
            .Where(field => field.FieldType.IsGenericType && field.FieldType.GetGenericTypeDefinition() == typeof(RunActivity<,>))
            .ToDictionary(field => (string)((dynamic)field.GetValue(null)!).Name, field => field.FieldType.GetGenericArguments());

        Assert.Equal(called.Keys.Order(), With<ActivityTriggerAttribute>().Order());
        Assert.All(called, activity => Assert.Equal(
            (activity.Value[0], typeof(Task<>).MakeGenericType(activity.Value[1])),
            (_functions[activity.Key].GetParameters()[0].ParameterType, _functions[activity.Key].ReturnType)));
    }

    [Fact]
    public void A_function_s_classes_can_be_made_from_what_AddEmbeddings_registers()
    {
        using var engine = AppFunctions.Services();
        Assert.All(_functions.Values.Where(function => !function.IsStatic), function => Assert.NotNull(AppFunctions.Create(function, engine)));
    }

    private static T Trigger<T>(string function) where T : Attribute =>
        Assert.Single(_functions[function].GetParameters().Select(parameter => parameter.GetCustomAttribute<T>()).OfType<T>());

    private static IEnumerable<string> With<T>() where T : Attribute =>
        _functions.Where(function => function.Value.GetParameters().Any(parameter => parameter.IsDefined(typeof(T)))).Select(function => function.Key);
}
