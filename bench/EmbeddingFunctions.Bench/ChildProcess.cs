using System.Diagnostics;
using System.Reflection;
using System.Text.Json;

namespace EmbeddingFunctions.Bench;

/// <summary>This program again, in a process of its own: order and result are JSON.</summary>
internal static class ChildProcess
{
    public static async Task<TResult> Ask<TOrder, TResult>(string command, TOrder order)
    {
        using var process = Start(command, JsonSerializer.Serialize(order));
        process.StandardInput.Close();
        var answer = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? JsonSerializer.Deserialize<TResult>(answer)!
            : throw new InvalidOperationException($"'{command}' ended with exit code {process.ExitCode}.");
    }

    public static async Task<int> Answer<TOrder, TResult>(string order, Func<TOrder, Task<TResult>> run)
    {
        Console.WriteLine(JsonSerializer.Serialize(await run(JsonSerializer.Deserialize<TOrder>(order)!)));
        return 0;
    }

    public static Process Start(params string[] args)
    {
        var program = Environment.ProcessPath!;
        var isHost = Path.GetFileNameWithoutExtension(program) == "dotnet";
        return Process.Start(new ProcessStartInfo(program, isHost ? [Assembly.GetEntryAssembly()!.Location, .. args] : args)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
    }
}
