using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace EmbeddingFunctions.Faults;

/// <summary>Stands before a server, and can delay, swallow, cut or refuse what passes.</summary>
internal sealed class TcpProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<TcpClient, bool> _open = new();
    private readonly string _host;
    private readonly int _port;
    private long _passed;

    public TcpProxy(string host, int port)
    {
        (_host, _port) = (host, port);
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _ = Accept();
    }

    public int Port { get; }

    /// <summary>Bytes that passed, in both directions.</summary>
    public long Passed => Interlocked.Read(ref _passed);

    /// <summary>How long each portion is kept back.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>Connections are accepted, and nothing is passed on or answered.</summary>
    public bool IsBlackHole { get; set; }

    /// <summary>Each connection is cut when a number of bytes have come back through it.</summary>
    public long? CutAfter { get; set; }

    public bool Refuses { get; set; }

    /// <summary>Cuts every connection there is.</summary>
    public void Cut()
    {
        foreach (var client in _open.Keys)
        {
            client.Close();
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        Cut();
    }

    private async Task Accept()
    {
        try
        {
            while (true)
            {
                _ = Serve(await _listener.AcceptTcpClientAsync());
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task Serve(TcpClient from)
    {
        using var client = from;
        using var server = new TcpClient();
        _open[from] = _open[server] = true;
        try
        {
            if (!Refuses)
            {
                await server.ConnectAsync(_host, _port);
                await Task.WhenAny(
                    Pump(client.GetStream(), server.GetStream(), null), Pump(server.GetStream(), client.GetStream(), CutAfter));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // One of the two has gone.
        }

        _open.TryRemove(from, out _);
        _open.TryRemove(server, out _);
    }

    private async Task Pump(NetworkStream from, NetworkStream to, long? cutAfter)
    {
        var buffer = new byte[8_192];
        var left = cutAfter ?? long.MaxValue;
        try
        {
            while (left > 0 && await from.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, left))) is > 0 and var count)
            {
                await Task.Delay(Delay);
                if (!IsBlackHole)
                {
                    await to.WriteAsync(buffer.AsMemory(0, count));
                    Interlocked.Add(ref _passed, count);
                    left -= count;
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // One of the two has gone.
        }
    }
}
