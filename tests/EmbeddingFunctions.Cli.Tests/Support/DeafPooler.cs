using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>Stands before Postgres as a transaction pooler does: a client that listens through it hears nothing.</summary>
internal sealed class DeafPooler : IDisposable
{
    private const byte Notification = (byte)'A';
    private const int HeaderLength = 5;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly string _host;
    private readonly int _port;
    private int _swallowed;

    public DeafPooler(string host, int port)
    {
        (_host, _port) = (host, port);
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _ = Accept();
    }

    public int Port { get; }

    /// <summary>Notifications that were not passed on.</summary>
    public int Swallowed => Volatile.Read(ref _swallowed);

    public void Dispose() => _listener.Dispose();

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
        try
        {
            await server.ConnectAsync(_host, _port);
            await Task.WhenAny(client.GetStream().CopyToAsync(server.GetStream()), PassAnswers(server.GetStream(), client.GetStream()));
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            // One of the two has gone.
        }
    }

    // A message of the server is its kind, its length without the kind, and its body; unencrypted there is nothing else.
    private async Task PassAnswers(NetworkStream from, NetworkStream to)
    {
        var header = new byte[HeaderLength];
        while (true)
        {
            await from.ReadExactlyAsync(header);
            var body = new byte[BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(1)) - sizeof(int)];
            await from.ReadExactlyAsync(body);
            if (header[0] == Notification)
            {
                Interlocked.Increment(ref _swallowed);
                continue;
            }

            await to.WriteAsync((byte[])[.. header, .. body]);
        }
    }
}
