using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;

namespace EmbeddingFunctions.Core.Tests.BatchLane;

/// <summary>What is made for a corpus does not go while its batches are on their way.</summary>
public sealed class LaneRemovalTests : LaneTest
{
    private protected override int InputsPerBatch => 12;

    [Fact]
    public async Task A_corpus_goes_only_when_its_batches_have_ended()
    {
        Fake.Batches.Duration = TimeSpan.FromHours(1);
        await Workspace.Items(await Workspace.Repository(), 20);
        var run = await Begin();
        await Step();
        var removal = Engine.Get<CorpusRemoval>();

        var refusal = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => removal.Remove("workspace", null, default));

        Assert.Contains("with 2 batches on the way", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("'embeddings backfill workspace --lane batch --cancel', or wait", refusal.Message, StringComparison.Ordinal);
        Assert.Equal((2, 20), (await Count("embedding.lane_batches"), await Workspace.Pending()));
        await Engine.Get<RunTransitions>().Cancel(run, default);
        await Finish(run);
        await removal.Remove("workspace", null, default);
        Assert.Null(await Database.Ask<string>("SELECT column_name FROM information_schema.columns WHERE column_name = 'embedding_rule'"));
    }

    [Fact]
    public async Task A_run_that_has_yet_to_send_its_first_batch_keeps_its_corpus_too()
    {
        await Begin();

        var refusal = await Assert.ThrowsAsync<DatabaseNotReadyException>(
            () => Engine.Get<CorpusRemoval>().Remove("workspace", null, default));

        Assert.Contains("with 0 batches", refusal.Message, StringComparison.Ordinal);
    }
}
