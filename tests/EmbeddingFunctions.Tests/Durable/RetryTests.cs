using EmbeddingFunctions.App;
using EmbeddingFunctions.App.Durable;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;
using Microsoft.DurableTask;
using Microsoft.Extensions.Logging.Abstractions;

namespace EmbeddingFunctions.Tests.Durable;

public sealed class RetryTests
{
    [Fact]
    public void A_failed_activity_is_tried_three_times_unless_it_will_never_work()
    {
        var policy = Retry.Activity.Retry!.Policy!;

        Assert.Equal((3, TimeSpan.FromSeconds(10), 3d), (policy.MaxNumberOfAttempts, policy.FirstRetryInterval, policy.BackoffCoefficient));
        Assert.True(Retry.MayWork(new TaskFailedException("EmbedBatch", 1, new TransientFailureException("away")).FailureDetails));
        Assert.True(
            Retry.MayWork(new TaskFailedException("EmbedBatch", 1, new InvalidOperationException("the host stopped")).FailureDetails));
        Assert.False(Retry.MayWork(new TaskFailedException("EmbedBatch", 1, new ActivityFailedException("no such table")).FailureDetails));
    }

    [Fact]
    public async Task An_activity_tells_what_passes_from_what_will_never_work_in_few_words_and_without_secrets()
    {
        await using var fake = await FakeOpenAi.StartAsync();
        await using var database = await TestDatabase.Migrated();
        await using var engine = new TestEngine(database, fake);
        await using var away = new TestEngine(Database.Open("Host=127.0.0.1;Port=1;Timeout=2"), fake);

        var passing = await Assert.ThrowsAsync<TransientFailureException>(() => Steps(away).OpenRun(Input("workspace"), default));
        var final = await Assert.ThrowsAsync<ActivityFailedException>(
            () => Steps(engine).StartRun(Input("laws " + new string('x', 9_000)), default));

        Assert.All(new Exception[] { passing, final }, e => Assert.InRange(e.Message.Length, 1, 500));
        Assert.Null(final.InnerException);
    }

    private static RunSteps Steps(TestEngine engine) => new(engine.Get<RunActivities>(), NullLogger<RunSteps>.Instance);

    private static RunInput Input(string corpus) => new(Guid.CreateVersion7(), new RunRequest(corpus, []));
}
