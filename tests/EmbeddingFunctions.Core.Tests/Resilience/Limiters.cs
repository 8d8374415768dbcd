using EmbeddingFunctions.Resilience;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace EmbeddingFunctions.Core.Tests.Resilience;

/// <summary>Limiters on a clock of their own: one, or several that share a store as processes do.</summary>
internal static class Limiters
{
    public static readonly RateLimits Unlimited = new(double.PositiveInfinity, double.PositiveInfinity);

    public static SharedRateLimiter Create(
        TimeProvider clock, RateLimits? limits = null, ILimiterStore? store = null, string key = "key",
        ILogger<SharedRateLimiter>? log = null) =>
        new(new ProviderAccount("provider", key), limits ?? Unlimited, store ?? new MemoryLimiterStore(clock), clock,
            log ?? NullLogger<SharedRateLimiter>.Instance);
}
