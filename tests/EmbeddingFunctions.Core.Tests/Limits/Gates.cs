using EmbeddingFunctions.Limits;

namespace EmbeddingFunctions.Core.Tests.Limits;

/// <summary>Gates on a clock of their own, alone or several on one store, as processes are.</summary>
internal static class Gates
{
    public static readonly RateLimits Unlimited = new(double.PositiveInfinity, double.PositiveInfinity);

    public static ProviderGate Create(TimeProvider clock, RateLimits? limits = null, IFlowStore? store = null, string key = "key") =>
        Create(clock, [store ?? new MemoryFlowStore(clock, part: 1)], limits, key);

    public static ProviderGate Create(TimeProvider clock, IReadOnlyList<IFlowStore> stores, RateLimits? limits = null, string key = "key") =>
        new(new ProviderAccount("provider", key), limits ?? Unlimited, stores, clock);
}
