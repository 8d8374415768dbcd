using System.Runtime.InteropServices;
using Spectre.Console;

namespace EmbeddingFunctions.Cli;

/// <summary>
/// Ctrl-C and SIGTERM: a command is asked to stop, and ended if it has not within eight seconds, so that ten are never passed.
/// </summary>
internal sealed class Interruption : IDisposable
{
    public const string HeldBack =
        "Interrupted before everything in flight was given back: its claims run out within 30 seconds. The same command again goes on.";

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(8);

    private static readonly TimeSpan _patienceWithReader = TimeSpan.FromSeconds(1.5);

    private readonly CancellationTokenSource _asked = new();
    private readonly List<PosixSignalRegistration> _signals = [];
    private readonly Output _output;

    public Interruption(Output output)
    {
        _output = output;
        _signals.AddRange(new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM }.Select(signal => PosixSignalRegistration.Create(signal, Ask)));
    }

    public CancellationToken Asked => _asked.Token;

    public void Dispose()
    {
        _signals.ForEach(signal => signal.Dispose());
        _asked.Dispose();
    }

    private void Ask(PosixSignalContext signal)
    {
        signal.Cancel = true;
        if (!_asked.IsCancellationRequested)
        {
            _ = Task.Delay(_patience).ContinueWith(_ => End(), TaskScheduler.Default);
            Output.Terminal.WriteLine("Stopping.");
            _asked.Cancel();
        }
    }

    private void End() => _output.End(HeldBack, ExitCode.Interrupted, _patienceWithReader);
}
