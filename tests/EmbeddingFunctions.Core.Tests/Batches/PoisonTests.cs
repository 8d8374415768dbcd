using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>Texts that the provider refuses.</summary>
public sealed class PoisonTests(BatchDatabase shared) : BatchTest(shared)
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 3)]
    [InlineData(20, 11)]
    [InlineData(33, 13)]
    public async Task A_bad_text_is_found_with_a_logarithm_of_requests(int items, int atMost)
    {
        for (var place = 1; place <= items; place += Math.Max(1, items / 4))
        {
            await Database.Execute("DELETE FROM issues; DELETE FROM embedding.claims");
            await Workspace.Items(Repository, items, words: $"round {place}");
            await Database.Execute("UPDATE issues SET title = 'poison' WHERE title = $1", $"round {place} {place}");
            using var poison = Fake.Script(Poisonous, Fault.BadInput());
            var before = Fake.RequestCount;

            var batch = await Embed(50);

            Assert.Equal((items - 1, 1), (batch.Counts.Embedded, batch.Counts.Failed));
            Assert.InRange(Fake.RequestCount - before, 1, atMost);
            Assert.Equal(Fake.RequestCount - before, batch.Counts.Requests);
        }

        Assert.Equal(0, Fake.DuplicatePaidInputs);
        await AssertNothingStale();
    }

    [Fact]
    public async Task Half_of_a_batch_may_be_bad()
    {
        await Workspace.Items(Repository, 10, words: "good");
        await Workspace.Items(Repository, 10, words: "poison");
        Fake.Script(Poisonous, Fault.BadInput());

        var batch = await Embed();

        Assert.Equal((10, 10), (batch.Counts.Embedded, batch.Counts.Failed));
        Assert.InRange(Fake.RequestCount, 20, 10 * 11);
        Assert.Equal(0, Fake.DuplicatePaidInputs);
    }

    [Fact]
    public async Task All_of_a_batch_may_be_bad()
    {
        await Workspace.Items(Repository, 4);
        Fake.Script(Requests.All, Fault.BadInput());

        var batch = await Embed();

        Assert.Equal((4, 7, (string?)null), (batch.Counts.Failed, Fake.RequestCount, batch.Stop));
    }

    [Fact]
    public async Task A_bad_text_is_dead_after_three_attempts_of_its_own_and_revived_by_an_edit()
    {
        await Workspace.Items(Repository, 3);
        var id = await Workspace.Item(Repository, "poison");
        Fake.Script(Poisonous, Fault.BadInput());
        foreach (var (attempt, wait) in new[] { (1, 60), (2, 240) })
        {
            await Embed();
            Assert.Equal((attempt, false), ((await Failure(id)).Attempts, (await Failure(id)).IsDead));
            Assert.InRange(
                await Database.Ask<double>("SELECT extract(epoch FROM retry_at - now())::float8 FROM embedding.failures"), wait - 5, wait);
            Assert.Equal(0, (await Embed()).Counts.Claimed);
            await LetFailuresRetry();
        }

        await Embed();
        Assert.Equal((3, true), ((await Failure(id)).Attempts, (await Failure(id)).IsDead));
        Assert.Equal((3, 0), (await Workspace.Embedded(), await Workspace.Pending()));
        var requests = Fake.RequestCount;
        Assert.Equal(0, (await Embed()).Counts.Claimed);

        await Edit(id, "harmless");
        Assert.Equal(1, (await Embed()).Counts.Embedded);

        Assert.Equal(requests + 1, Fake.RequestCount);
        await AssertNoneCharged();
        await AssertNothingStale();
    }

    [Fact]
    public async Task A_dead_item_loses_the_vector_of_its_old_text()
    {
        var id = await Workspace.Item(Repository, "good");
        await Embed();
        await Edit(id, "poison");
        Fake.Script(Poisonous, Fault.BadInput());

        await UntilDead(id);

        Assert.Equal((0, 0), (await Workspace.Embedded(), await Count("similarity_cache")));
    }

    [Fact]
    public async Task A_touch_of_a_dead_item_costs_nothing_and_keeps_its_reason()
    {
        var id = await Workspace.Item(Repository, "poison");
        Fake.Script(Poisonous, Fault.BadInput());
        await UntilDead(id);
        var (before, requests) = (await Failure(id), Fake.RequestCount);
        await Database.Execute("UPDATE issues SET updated_at = now() + interval '1 minute'");
        Assert.Equal(1, await Workspace.Pending());

        await Embed();

        Assert.Equal((before, requests), (await Failure(id), Fake.RequestCount));
        Assert.Contains("'$.input' is invalid", before.Reason, StringComparison.Ordinal);
        Assert.Equal(0, await Workspace.Pending());
    }

    [Fact]
    public async Task A_dead_item_edited_to_another_bad_text_has_three_attempts_again()
    {
        var id = await Workspace.Item(Repository, "poison");
        Fake.Script(Poisonous, Fault.BadInput());
        await UntilDead(id);

        await Edit(id, "another poison");
        await Embed();

        Assert.Equal((1, false), ((await Failure(id)).Attempts, (await Failure(id)).IsDead));
        Assert.InRange(await Database.Ask<double>("SELECT extract(epoch FROM retry_at - now())::float8 FROM embedding.failures"), 55, 60);
    }

    [Fact]
    public async Task An_item_that_is_being_edited_when_it_is_to_be_dead_is_looked_at_again_after_a_minute()
    {
        var id = await Workspace.Item(Repository, "poison");
        using var script = Fake.Script(Poisonous, Fault.BadInput());
        for (var attempt = 1; attempt < ClaimStore.MaxAttempts; attempt++)
        {
            await Embed();
            await LetFailuresRetry();
        }

        using var hold = Fake.Hold();
        var last = Embed();
        await hold.WaitForHeldAsync(1, TimeSpan.FromMinutes(1));
        await using var other = await Database.Source.OpenConnectionAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await using (var edit = new NpgsqlCommand("UPDATE issues SET title = 'welcome' WHERE title LIKE '%poison%'", other))
        {
            Assert.Equal(1, await edit.ExecuteNonQueryAsync());
        }

        hold.Release();
        await last;
        await transaction.CommitAsync();

        Assert.True((await Failure(id)).IsDead);
        Assert.InRange(await Database.Ask<double>("SELECT extract(epoch FROM retry_at - now())::float8 FROM embedding.failures"), 50, 60);
        await LetFailuresRetry();
        Assert.Equal(1, (await Embed()).Counts.Embedded);
        await AssertNoneCharged();
    }

    [Fact]
    public async Task A_forced_batch_tries_a_dead_item_again()
    {
        var id = await Workspace.Item(Repository, "poison");
        using (Fake.Script(Poisonous, Fault.BadInput()))
        {
            await UntilDead(id);
        }

        Assert.Equal(1, (await Embed(await Order(forceBefore: DateTimeOffset.UtcNow.AddSeconds(1)))).Counts.Embedded);
        await AssertNoneCharged();
    }

    [Fact]
    public async Task What_was_paid_for_before_a_fault_is_written()
    {
        await Workspace.Items(Repository, 20);
        // The whole is refused, the first half answered, the second half meets an empty account.
        Fake.Script(Requests.Number(1), Fault.BadInput());
        Fake.Script(Requests.Number(3), Fault.InsufficientQuota());

        var batch = await Embed();

        Assert.Contains("insufficient_quota", batch.Stop, StringComparison.Ordinal);
        Assert.Equal((10, 10, 3), (batch.Counts.Embedded, batch.Counts.Claimed, batch.Counts.Requests));
        Assert.Equal((10, 10), (await Workspace.Embedded(), await Workspace.Pending()));
        Fake.ClearScript();
        await AssertNothingStale();
        await AssertNoneCharged();
    }

    [Fact]
    public async Task What_was_paid_for_before_an_interruption_is_written()
    {
        await Workspace.Items(Repository, 20);
        Fake.Script(Requests.Number(1), Fault.BadInput());
        using var hold = Fake.Hold(Requests.Number(3));
        using var stopping = new CancellationTokenSource();
        var embedding = Embed(await Order(), stopping.Token);
        await Fake.WaitForRequestsAsync(3);

        await stopping.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => embedding);
        Assert.Equal((10, 10), (await Workspace.Embedded(), await Workspace.Pending()));
        Assert.Equal(10, await Database.Ask<int>("SELECT embedded FROM embedding.batches"));
        await AssertNothingStale();
        await AssertNoneCharged();
    }

    [Fact]
    public async Task A_reason_is_kept_without_the_key_cut_between_characters()
    {
        var id = await Workspace.Item(Repository, "poison");
        var essay = $"{Fake.ApiKey} {Uri.EscapeDataString(Fake.ApiKey)} sk-other-key-1234567890 \\u0000 "
            + $"{string.Concat(Enumerable.Repeat("😀", 1_000))}";
        Fake.Script(Poisonous, Fault.Status(400, $"{{\"error\":{{\"message\":\"{essay}\"}}}}"));

        await Embed();

        var reason = (await Failure(id)).Reason!;
        Assert.InRange(reason.Length, 450, 500);
        Assert.DoesNotContain("sk-", reason, StringComparison.Ordinal);
        Assert.DoesNotContain('\ufffd', reason);
        Assert.DoesNotContain('\0', reason);
        Assert.Contains("😀", reason, StringComparison.Ordinal);
    }

    private static Requests Poisonous => Requests.WithInput(text => text.Contains("poison", StringComparison.Ordinal));

    private async Task UntilDead(string id)
    {
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            await Embed();
            await LetFailuresRetry();
        }

        Assert.True((await Failure(id)).IsDead);
    }
}
