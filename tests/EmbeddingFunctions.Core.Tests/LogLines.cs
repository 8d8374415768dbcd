using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Core.Tests;

/// <summary>Keeps what is logged, with its level.</summary>
internal sealed class LogLines<T> : ILogger<T>
{
    private readonly ConcurrentQueue<(LogLevel Level, string Line)> _lines = new();

    public IReadOnlyList<(LogLevel Level, string Line)> All => [.. _lines];

    public IReadOnlyList<LogLevel> Levels => [.. _lines.Select(line => line.Level)];

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Enqueue((logLevel, formatter(state, exception)));

    public async Task Wait(int lines)
    {
        for (var end = DateTime.UtcNow.AddSeconds(60); _lines.Count < lines; await Task.Delay(20))
        {
            Assert.True(DateTime.UtcNow < end, $"Only this was logged: {string.Join("; ", _lines)}");
        }
    }
}
