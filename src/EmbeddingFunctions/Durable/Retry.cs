using EmbeddingFunctions.Runs;
using Microsoft.DurableTask;

namespace EmbeddingFunctions.App.Durable;

/// <summary>How often a failed activity is tried again.</summary>
internal static class Retry
{
    /// <summary>
    /// Twice, after 10 and 30 seconds, unless it will never work. What the provider asks for is waited out by the run itself.
    /// </summary>
    public static readonly TaskOptions Activity = TaskOptions.FromRetryPolicy(new RetryPolicy(
        maxNumberOfAttempts: 3, firstRetryInterval: TimeSpan.FromSeconds(10), backoffCoefficient: 3)
    {
        HandleFailure = MayWork,
    });

    /// <summary>
    /// How often, and how long after the last time, an activity is given out again that its host did not fit: ten minutes in all.
    /// </summary>
    public const int OtherHosts = 40;

    public static readonly TimeSpan OtherHostAfter = TimeSpan.FromSeconds(15);

    // By name: the failure may have been recorded by another process.
    internal static bool MayWork(TaskFailureDetails failure) =>
        failure.ErrorType != typeof(ActivityFailedException).FullName && !WantsOtherHost(failure);

    internal static bool WantsOtherHost(TaskFailureDetails failure) => failure.ErrorType == typeof(IncompatibleHostException).FullName;
}
