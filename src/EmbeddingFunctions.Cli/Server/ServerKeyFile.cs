using System.Security.Cryptography;
using EmbeddingFunctions.Settings;

namespace EmbeddingFunctions.Cli.Server;

/// <summary>
/// The key of a server that was given none: made at each start and left where only the same user's commands can read it, in a file that is
/// named for the server's port and goes with the server.
/// </summary>
internal sealed class ServerKeyFile : IDisposable
{
    private const UnixFileMode Mine = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const int KeyBytes = 32;

    private ServerKeyFile(string path) => Path = path;

    public string Path { get; }

    public static string NewKey() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(KeyBytes));

    /// <exception cref="SettingsException">There is no place for it.</exception>
    public static ServerKeyFile Write(int port, string key)
    {
        var path = PathOf(port);
        var draft = $"{path}.{Guid.NewGuid():N}";
        try
        {
            CreateFolder(System.IO.Path.GetDirectoryName(path)!);
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = Mine;
            }

            using (var writer = new StreamWriter(draft, options))
            {
                writer.Write(key);
            }

            File.Move(draft, path, overwrite: true);
            return new ServerKeyFile(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException(
                [
                    $"The server's key cannot be kept in {path}: {e.Message} Set EMBEDDINGS_API_KEY, or let all programs of this machine "
                        + "in with --no-key."]);
        }
    }

    /// <returns>The key that a server of this user's on this machine made, or null.</returns>
    public static string? Read(Uri server)
    {
        var path = PathOf(server.Port);
        try
        {
            // A file that others can read or write may be another's.
            return server.IsLoopback && File.Exists(path) && (OperatingSystem.IsWindows() || File.GetUnixFileMode(path) == Mine)
                ? File.ReadAllText(path)
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public void Dispose() => File.Delete(Path);

    private static void CreateFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, Mine | UnixFileMode.UserExecute);
        }
    }

    private static string PathOf(int port) => System.IO.Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify),
        "embeddings", "keys", $"{port}");
}
