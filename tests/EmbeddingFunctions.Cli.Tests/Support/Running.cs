using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>A program at work; killed with the test if it still is.</summary>
internal sealed class Running : IAsyncDisposable
{
    public const int SigInt = 2;
    public const int SigKill = 9;
    public const int SigTerm = 15;

    /// <summary>Holds it still, as a suspended machine would, until <see cref="SigContinue"/>.</summary>
    public static readonly int SigStop = OperatingSystem.IsLinux() ? 19 : 17;
    public static readonly int SigContinue = OperatingSystem.IsLinux() ? 18 : 19;

    /// <summary>How long to wait for what must come, on a machine that has more to do.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Process _process;
    private readonly string _name;
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private readonly Task<string> _out;
    private readonly Task<string> _error;
    private readonly ConcurrentQueue<string> _errorLines = new();

    public Running(Process process, string name)
    {
        (_process, _name) = (process, name);
        _process.StandardInput.Close();
        (_out, _error) = (_process.StandardOutput.ReadToEndAsync(), ReadError());
    }

    public int Id => _process.Id;

    public bool HasEnded => _process.HasExited;

    public void Signal(int signal)
    {
        // Its number may be another's once it has ended.
        Assert.False(_process.HasExited, $"'{_name}' ended before it could be signalled.");
        Assert.Equal(0, Kill(_process.Id, signal));
    }

    /// <summary>Waits for a line on standard error.</summary>
    public async Task<string> Says(string words)
    {
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < Patience; await Task.Delay(20))
        {
            var hasEnded = _process.HasExited;
            if (_errorLines.FirstOrDefault(line => line.Contains(words, StringComparison.Ordinal)) is { } said)
            {
                return said;
            }

            Assert.False(hasEnded, $"'{_name}' ended without saying '{words}'.\n{string.Join('\n', _errorLines)}");
        }

        throw new TimeoutException($"'{_name}' did not say '{words}'.\n{string.Join('\n', _errorLines)}");
    }

    /// <summary>Ends it at once, as a crash or the out-of-memory killer would.</summary>
    public async Task Kill()
    {
        Signal(SigKill);
        await _process.WaitForExitAsync();
    }

    public async Task<Result> Ended(TimeSpan? patience = null)
    {
        using var timeout = new CancellationTokenSource(patience ?? Patience);
        try
        {
            await _process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill(entireProcessTree: true);
            Assert.Fail($"'{_name}' did not end.\n{await _out}\n{await _error}");
        }

        return new Result(_process.ExitCode, await _out, await _error, _watch.Elapsed);
    }

    public ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<string> ReadError()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
        {
            _errorLines.Enqueue(line);
        }

        return string.Concat(_errorLines.Select(line => line + "\n"));
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int process, int signal);
}
