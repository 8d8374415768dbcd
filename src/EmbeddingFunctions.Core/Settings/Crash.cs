using System.Diagnostics;

namespace EmbeddingFunctions.Settings;

/// <summary>Ends the process as the out-of-memory killer would, where a test has asked for it.</summary>
internal sealed class Crash(EmbeddingSettings settings)
{
    private int _passings;

    public void Reach(CrashPoint point)
    {
        if (settings.FaultPoint is { } fault && fault.Point == point && Interlocked.Increment(ref _passings) == fault.Occurrence)
        {
            using var self = Process.GetCurrentProcess();
            self.Kill();
        }
    }
}
