using System.Reflection;
using EmbeddingFunctions.App;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions.Tests.Functions;

/// <summary>What the host finds in the published app: names, triggers, routes, methods, levels, the schedule's setting.</summary>
public sealed class FunctionTests
{
    private static readonly IReadOnlyDictionary<string, AppFunction> _functions = AppFunctions.All;

    [Theory]
    [InlineData("ComputeRequested", "post", "embeddings/compute", "Function")]
    [InlineData("GetRun", "get", "embeddings/runs/{runId}", "Function")]
    [InlineData("ListRuns", "get", "embeddings/runs", "Function")]
    [InlineData("CancelRun", "post", "embeddings/runs/{runId}/cancel", "Function")]
    [InlineData("GetStatus", "get", "embeddings/status", "Function")]
    [InlineData("GetCost", "get", "embeddings/cost", "Function")]
    [InlineData("GetRunHistory", "get", "embeddings/runs/{runId}/history", "Function")]
    [InlineData("PredictRun", "post", "embeddings/predict", "Function")]
    [InlineData("GetOverview", "get", "embeddings/overview", "Function")]
    [InlineData("FollowEvents", "get", "embeddings/events", "Function")]
    [InlineData("ListDeclarations", "get", "embeddings/declarations", "Function")]
    [InlineData("AuditCorpus", "post", "embeddings/corpora/{corpus}/audit", "Function")]
    [InlineData("GetTrends", "get", "embeddings/trends", "Function")]
    [InlineData("ListFailures", "get", "embeddings/failures", "Function")]
    [InlineData("ListFailedItems", "get", "embeddings/failures/items", "Function")]
    [InlineData("RetryFailures", "post", "embeddings/failures/retry", "Function")]
    [InlineData("IgnoreFailures", "post", "embeddings/failures/ignore", "Function")]
    [InlineData("PauseCorpus", "post", "embeddings/corpora/{corpus}/pause", "Function")]
    [InlineData("ResumeCorpus", "post", "embeddings/corpora/{corpus}/resume", "Function")]
    [InlineData("GetSwitch", "get", "embeddings/switches/{corpus}", "Function")]
    [InlineData("StepSwitch", "post", "embeddings/switches/{corpus}/{step}", "Function")]
    [InlineData("Search", "get post", "embeddings/search", "Function")]
    [InlineData("GetSimilar", "get", "embeddings/similar/{corpus}/{kind}/{id}", "Function")]
    [InlineData("EmbedQuery", "post", "embeddings/embed", "Function")]
    [InlineData("ListCorpora", "get", "embeddings/corpora", "Function")]
    [InlineData("GetHealth", "get", "embeddings/health", "Anonymous")]
    public void An_HTTP_function_has_its_methods_its_route_and_its_level(string name, string methods, string route, string level)
    {
        var trigger = _functions[name].Trigger;

        Assert.Equal(
            ("httpTrigger", $"api/{route}", level), ((string)trigger["type"]!, (string)trigger["route"]!, (string)trigger["authLevel"]!));
        Assert.Equal(methods.Split(' '), trigger["methods"]!.AsArray().Select(method => (string)method!));
        Assert.Contains(
            _functions[name].Bindings, binding => (string)binding!["type"]! == "http" && (string)binding["direction"]! == "Out");
    }

    [Theory]
    [InlineData("Dashboard", "embeddings/{*path}", "Anonymous")]
    [InlineData("SignIn", "embeddings/api/login", "Function")]
    public void The_dashboard_is_beside_the_API_and_the_host_checks_the_key_of_who_signs_in(string name, string route, string level)
    {
        Assert.Equal((route, level), ((string)_functions[name].Trigger["route"]!, (string)_functions[name].Trigger["authLevel"]!));
        Assert.Equal("", (string)AppFunctions.Read("host.json")["extensions"]!["http"]!["routePrefix"]!);
    }

    [Fact]
    public void The_app_has_these_functions_and_no_others() => Assert.Equal(
        new Dictionary<string, string[]>
        {
            ["httpTrigger"] =
            [
                "AuditCorpus", "CancelRun", "ComputeRequested", "Dashboard", "EmbedQuery", "FollowEvents", "GetCost", "GetHealth",
                "GetOverview", "GetRun", "GetRunHistory", "GetSimilar", "GetStatus", "GetSwitch", "GetTrends", "IgnoreFailures",
                "ListCorpora", "ListDeclarations", "ListFailedItems", "ListFailures", "ListRuns", "PauseCorpus", "PredictRun",
                "ResumeCorpus", "RetryFailures", "Search", "SignIn", "StepSwitch",
            ],
            ["timerTrigger"] = ["EmbeddingsTimer"],
            ["orchestrationTrigger"] = ["RunOrchestrator"],
            ["activityTrigger"] = ["BuildIndexes", "CloseRun", "EmbedBatch", "OpenRun", "PlanPage", "StartRun"],
        },
        _functions.Values.GroupBy(function => function.TriggerType)
            .ToDictionary(group => group.Key, group => group.Select(function => function.Name).Order(StringComparer.Ordinal).ToArray()));

    [Fact]
    public void The_timer_s_schedule_is_a_setting_and_it_starts_runs_on_the_durable_client()
    {
        var timer = _functions["EmbeddingsTimer"];

        Assert.Equal("%EMBEDDINGS_SCHEDULE%", (string)timer.Trigger["schedule"]!);
        Assert.Null(timer.Trigger["runOnStartup"]);
        Assert.Contains(timer.Bindings, binding => (string)binding!["type"]! == "durableClient");
    }

    [Fact]
    public void The_engine_starts_the_orchestration_by_its_name_and_it_keeps_nothing() =>
        Assert.True(_functions[nameof(RunOrchestrator)].Method.IsStatic, "An orchestrator keeps nothing.");

    [Fact]
    public void There_is_an_activity_of_each_name_that_the_orchestration_calls_with_its_types()
    {
        var called = typeof(RunActivities).GetFields(BindingFlags.Public | BindingFlags.Static)
            .Where(field => field.FieldType.IsGenericType && field.FieldType.GetGenericTypeDefinition() == typeof(RunActivity<,>))
            .ToDictionary(field => (string)((dynamic)field.GetValue(null)!).Name, field => field.FieldType.GetGenericArguments());

        Assert.Equal(
            called.Keys.Order(),
            _functions.Values.Where(function => function.TriggerType == "activityTrigger").Select(function => function.Name).Order());
        Assert.All(called, activity => Assert.Equal(
            (activity.Value[0], typeof(Task<>).MakeGenericType(activity.Value[1])),
            (_functions[activity.Key].Method.GetParameters()[0].ParameterType, _functions[activity.Key].Method.ReturnType)));
    }

    [Fact]
    public void A_function_s_classes_can_be_made_from_what_AddEmbeddings_registers()
    {
        var settings = new EmbeddingSettings { Provider = ProviderChoice.Lexical, ProviderReason = "test" };
        using var services = new ServiceCollection().AddEmbeddings(settings, Database.Open("Host=127.0.0.1;Port=1")).BuildServiceProvider();

        Assert.All(
            _functions.Values.Where(function => !function.Method.IsStatic),
            function => Assert.NotNull(ActivatorUtilities.CreateInstance(services, function.Method.DeclaringType!)));
    }

    [Fact]
    public void The_host_s_settings_name_the_hub_trace_runs_and_keep_the_storage_client_s_requests_out_of_the_log()
    {
        var host = AppFunctions.Read("host.json");
        var durable = host["extensions"]!["durableTask"]!;

        Assert.Equal("EmbeddingFunctions", (string)durable["hubName"]!);
        Assert.Equal((true, "V2"), ((bool)durable["tracing"]!["distributedTracingEnabled"]!, (string)durable["tracing"]!["version"]!));
        Assert.Equal("Warning", (string)host["logging"]!["logLevel"]!["Azure.Core"]!);
    }

    [Fact]
    public void The_host_finds_how_to_start_the_worker_and_which_extensions_to_load_and_no_local_setting_is_published()
    {
        var worker = AppFunctions.Read("worker.config.json")["description"]!;
        Assert.Equal(("dotnet-isolated", "EmbeddingFunctions.dll"), ((string)worker["language"]!, (string)worker["defaultWorkerPath"]!));
        Assert.True(File.Exists(Path.Combine(AppFunctions.Folder, (string)worker["defaultWorkerPath"]!)));

        var extensions = AppFunctions.Read("extensions.json")["extensions"]!.AsArray();
        Assert.Contains(extensions, extension => (string)extension!["name"]! == "DurableTask");
        Assert.All(extensions, extension => Assert.True(File.Exists(Path.Combine(AppFunctions.Folder, (string)extension!["hintPath"]!))));

        Assert.False(File.Exists(Path.Combine(AppFunctions.Folder, "local.settings.json")), "It holds secrets of the person who builds.");
    }
}
