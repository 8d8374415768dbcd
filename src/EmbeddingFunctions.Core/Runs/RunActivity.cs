namespace EmbeddingFunctions.Runs;

/// <summary>An activity: its name for the engines, and the one line that does it.</summary>
/// <param name="IsValidOutput">
/// Validates a result that was deserialized from JSON: an engine may return another activity's result.
/// </param>
/// <param name="Opens">Whether it begins a run.</param>
/// <param name="Closes">Whether it ends a run, and so is done even while the process is stopping.</param>
internal sealed record RunActivity<TInput, TOutput>(
    string Name, Func<RunActivities, TInput, CancellationToken, Task<TOutput>> Do, Func<TOutput, bool> IsValidOutput,
    bool Opens = false, bool Closes = false);
