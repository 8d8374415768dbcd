using System.Net;
using System.Net.Sockets;

namespace EmbeddingFunctions.Core.Tests;

/// <summary>A TCP proxy on 127.0.0.1 that can stop passing anything on.</summary>
internal sealed class RedisProxy : IDisposable
{
    private readonly TcpListener _listener;
    private volatile bool _hangs;

    /// <param name="target">The server behind it.</param>
    /// <param name="port">0: any that is free.</param>
    public RedisProxy(Uri target, int port = 0)
    {
        _listener = new TcpListener(IPAddress.Loopback, port);
        _listener.Start();
        _ = Accept(target);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public void Hang() => _hangs = true;

    public void Dispose() => _listener.Dispose();

    private async Task Accept(Uri target)
    {
        while (true)
        {
            TcpClient from;
            try
            {
                from = await _listener.AcceptTcpClientAsync();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }

            var to = new TcpClient(target.Host, target.Port);
            _ = Pump(from.GetStream(), to.GetStream());
            _ = Pump(to.GetStream(), from.GetStream());
        }
    }

    private async Task Pump(NetworkStream from, NetworkStream to)
    {
        var buffer = new byte[8192];
        try
        {
            while (await from.ReadAsync(buffer) is > 0 and var count)
            {
                if (!_hangs)
                {
                    await to.WriteAsync(buffer.AsMemory(0, count));
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // One of the two has gone.
        }
    }
}
