using EmbeddingFunctions.Core.Tests.Resilience;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>A database whose time is a test's.</summary>
internal sealed class ManualDatabaseClock(ManualClock clock) : DatabaseClock(null!)
{
    public override Task<DateTimeOffset> Now(CancellationToken cancellation) => Task.FromResult(clock.GetUtcNow());
}
