using System.Net;
using DurableTask.Core;
using EmbeddingFunctions.App;
using EmbeddingFunctions.App.Durable;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Runs;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Testing.Sidecar.Grpc;
using Microsoft.DurableTask.Worker;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace EmbeddingFunctions.Testing.Durable;

/// <summary>
/// The app's orchestrator and activities on the SDK's own worker and client, which talk over gRPC to a task hub in memory.
/// </summary>
internal sealed class DurableHost : IAsyncDisposable
{
    private readonly RunSteps? _steps;
    private CancellationTokenSource _lost = new();
    private WebApplication _hub = null!;
    private GrpcChannel _channel = null!;
    private IHost _worker = null!;

    private DurableHost(RunActivities? activities, bool keepsTime)
    {
        _steps = activities is null ? null : new RunSteps(activities, NullLogger<RunSteps>.Instance);
        Backend = new DurableBackend { KeepsTime = keepsTime };
    }

    public DurableBackend Backend { get; }

    public DurableTaskClient Client => _worker.Services.GetRequiredService<DurableTaskClient>();

    public DurableRunEngine Engine => new(Client);

    /// <param name="activities">That the worker does; null: there is no worker, and nothing that is scheduled begins.</param>
    /// <param name="keepsTime">Whether timers fire when they are due.</param>
    public static async Task<DurableHost> Start(RunActivities? activities, bool keepsTime = false)
    {
        var host = new DurableHost(activities, keepsTime);
        await host.Start();
        return host;
    }

    /// <summary>
    /// The host is lost in the middle of its work, so that nothing it does then is heard of, and another takes its place.
    /// </summary>
    public async Task Restart()
    {
        await Stop();
        await Backend.TakeBack();
        _lost = new();
        await Start();
    }

    /// <summary>
    /// The host is asked to stop: it takes on no more, its activities hear of it, and what ends within ten seconds is heard of.
    /// </summary>
    public async Task RestartGently()
    {
        Backend.IsDraining = true;
        await _lost.CancelAsync();
        for (var i = 0; i < 200 && Backend.Running > 0; i++)
        {
            await Task.Delay(50);
        }

        await Restart();
    }

    /// <summary>Waits until the run's orchestration has ended, whatever became of it.</summary>
    public async Task<OrchestrationMetadata> End(Guid runId)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(10));
        return await Client.WaitForInstanceCompletionAsync(runId.ToString(), getInputsAndOutputs: true, patience.Token);
    }

    /// <summary>The runs that the engine knows.</summary>
    public async Task<IReadOnlyList<Guid>> Instances()
    {
        var ids = new List<Guid>();
        await foreach (var instance in Client.GetAllInstancesAsync())
        {
            ids.Add(Guid.Parse(instance.InstanceId));
        }

        return ids;
    }

    public async ValueTask DisposeAsync() => await Stop();

    private async Task Start()
    {
        var hub = WebApplication.CreateSlimBuilder();
        hub.Logging.ClearProviders();
        hub.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        hub.Services.AddGrpc();
        hub.Services.AddSingleton<IOrchestrationService>(Backend).AddSingleton<IOrchestrationServiceClient>(Backend)
            .AddSingleton<TaskHubGrpcServer>();
        _hub = hub.Build();
        _hub.MapGrpcService<TaskHubGrpcServer>();
        await _hub.StartAsync();

        _channel = GrpcChannel.ForAddress(_hub.Urls.Single());
        var worker = Host.CreateEmptyApplicationBuilder(null);
        worker.Services.AddDurableTaskClient(client =>
        {
            client.UseGrpc(_channel);
            client.RegisterDirectly();
        });
        if (_steps is not null)
        {
            worker.Services.AddDurableTaskWorker(builder =>
            {
                builder.UseGrpc(_channel);
                builder.AddTasks(registry => Register(registry, _steps, _lost.Token));
            });
        }

        _worker = worker.Build();
        await _worker.StartAsync();
    }

    private async Task Stop()
    {
        _channel.Dispose();
        await _lost.CancelAsync();
        await _worker.StopAsync();
        _worker.Dispose();
        await _hub.StopAsync();
        await _hub.DisposeAsync();
        _lost.Dispose();
    }

    private static void Register(DurableTaskRegistry registry, RunSteps steps, CancellationToken lost)
    {
        registry.AddOrchestratorFunc<RunInput, RunOutcome?>(nameof(RunOrchestrator), (context, _) => RunOrchestrator.RunAsync(context));
        registry.AddActivityFunc<RunInput, DateTimeOffset>(nameof(RunSteps.StartRun), (_, run) => steps.StartRun(run, lost));
        registry.AddActivityFunc<RunInput, OpenedRun>(nameof(RunSteps.OpenRun), (_, run) => steps.OpenRun(run, lost));
        registry.AddActivityFunc<PlanPage, PlannedPage>(nameof(RunSteps.PlanPage), (_, order) => steps.PlanPage(order, lost));
        registry.AddActivityFunc<EmbedBatch, EmbeddedBatch>(nameof(RunSteps.EmbedBatch), (_, order) => steps.EmbedBatch(order, lost));
        registry.AddActivityFunc<CloseRun, RunOutcome>(nameof(RunSteps.CloseRun), (_, order) => steps.CloseRun(order, lost));
        registry.AddActivityFunc<BuildIndexes, IndexesBuilt>(nameof(RunSteps.BuildIndexes), (_, order) => steps.BuildIndexes(order, lost));
    }
}
