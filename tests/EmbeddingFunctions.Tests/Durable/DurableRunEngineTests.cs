using EmbeddingFunctions.App;
using EmbeddingFunctions.App.Durable;
using EmbeddingFunctions.Runs;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Moq;

namespace EmbeddingFunctions.Tests.Durable;

/// <summary>Runs as orchestration instances of the same id.</summary>
public sealed class DurableRunEngineTests
{
    private static readonly RunInput _run = new(Guid.CreateVersion7(), new RunRequest("workspace", []));

    private readonly Mock<DurableTaskClient> _client = new(MockBehavior.Strict, "test");

    [Fact]
    public async Task A_run_is_scheduled_under_its_own_id()
    {
        Finds(null);
        _client.Setup(c => c.ScheduleNewOrchestrationInstanceAsync(
                nameof(RunOrchestrator), _run, It.Is<StartOrchestrationOptions>(options => options.InstanceId == _run.RunId.ToString()), default))
            .ReturnsAsync(_run.RunId.ToString());

        await Engine().Begin(_run, default);

        _client.VerifyAll();
    }

    [Theory]
    [InlineData(OrchestrationRuntimeStatus.Pending)]
    [InlineData(OrchestrationRuntimeStatus.Running)]
    [InlineData(OrchestrationRuntimeStatus.Completed)]
    public async Task A_run_that_the_engine_knows_is_not_scheduled_again(OrchestrationRuntimeStatus status)
    {
        Finds(Instance(status));

        // The mock is strict: any other call fails.
        await Engine().Begin(_run, default);
    }

    [Fact]
    public async Task Another_host_that_was_quicker_is_no_failure_and_anything_else_is()
    {
        _client.SetupSequence(c => c.GetInstanceAsync(_run.RunId.ToString(), true, default))
            .ReturnsAsync((OrchestrationMetadata?)null).ReturnsAsync(Instance(OrchestrationRuntimeStatus.Running))
            .ReturnsAsync((OrchestrationMetadata?)null).ReturnsAsync((OrchestrationMetadata?)null);
        _client.Setup(c => c.ScheduleNewOrchestrationInstanceAsync(It.IsAny<TaskName>(), It.IsAny<object?>(), It.IsAny<StartOrchestrationOptions?>(), default))
            .ThrowsAsync(new InvalidOperationException("exists"));

        await Engine().Begin(_run, default);
        await Assert.ThrowsAsync<InvalidOperationException>(() => Engine().Begin(_run, default));
    }

    [Theory]
    [InlineData(OrchestrationRuntimeStatus.Pending, null, false)]
    [InlineData(OrchestrationRuntimeStatus.Running, null, false)]
    [InlineData(OrchestrationRuntimeStatus.Completed, "The orchestration ended without closing its job.", false)]
    [InlineData(OrchestrationRuntimeStatus.Failed, "The orchestration failed: no such method", false)]
    [InlineData(OrchestrationRuntimeStatus.Terminated, "The orchestration was terminated.", true)]
    public async Task An_instance_that_has_ended_is_told_with_its_reason(OrchestrationRuntimeStatus status, string? reason, bool cancelled)
    {
        Finds(Instance(status));

        var carried = await Engine().Look(_run.RunId, default);

        Assert.Equal((reason, cancelled), (carried!.EndedBecause, carried.Cancelled));
    }

    [Fact]
    public async Task What_it_waits_for_is_told_and_an_unknown_run_is_none()
    {
        Finds(Instance(OrchestrationRuntimeStatus.Running, "\"waiting for the provider\""));
        Assert.Equal("waiting for the provider", (await Engine().Look(_run.RunId, default))!.Note);

        Finds(null);
        Assert.Null(await Engine().Look(_run.RunId, default));
    }

    [Fact]
    public async Task Only_a_run_that_goes_on_is_woken_to_be_cancelled()
    {
        Finds(null);
        await Engine().Cancel(_run.RunId, default);
        Finds(Instance(OrchestrationRuntimeStatus.Completed));
        await Engine().Cancel(_run.RunId, default);

        Finds(Instance(OrchestrationRuntimeStatus.Running));
        _client.Setup(c => c.RaiseEventAsync(_run.RunId.ToString(), DurableRunContext.CancelEvent, It.IsAny<object?>(), default)).Returns(Task.CompletedTask);
        await Engine().Cancel(_run.RunId, default);

        _client.Verify(c => c.RaiseEventAsync(It.IsAny<string>(), It.IsAny<string>(), It.IsAny<object?>(), default), Times.Once);
    }

    private DurableRunEngine Engine() => new(_client.Object);

    private void Finds(OrchestrationMetadata? instance) =>
        _client.Setup(c => c.GetInstanceAsync(_run.RunId.ToString(), true, default)).ReturnsAsync(instance);

    private static OrchestrationMetadata Instance(OrchestrationRuntimeStatus status, string? note = null) => new(nameof(RunOrchestrator), _run.RunId.ToString())
    {
        RuntimeStatus = status,
        SerializedCustomStatus = note,
        FailureDetails = new TaskFailedException("x", 1, new InvalidOperationException("no such method")).FailureDetails,
    };
}
