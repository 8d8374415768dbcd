namespace EmbeddingFunctions.Settings;

/// <summary>One or more settings cannot be used; the message names them all and holds no secret.</summary>
internal sealed class SettingsException(IReadOnlyList<string> errors)
    : Exception($"The settings cannot be used:{string.Concat(errors.Select(error => $"\n  - {error}"))}")
{
    public IReadOnlyList<string> Errors { get; } = errors;
}
