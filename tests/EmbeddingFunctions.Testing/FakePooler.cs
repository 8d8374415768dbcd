using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace EmbeddingFunctions.Testing;

/// <summary>
/// Stands before Postgres as a transaction pooler does: it answers the handshake with a process number of its own, and a client that
/// listens through it hears nothing.
/// </summary>
internal sealed class FakePooler : IDisposable
{
    private const byte Notification = (byte)'A';
    private const byte BackendKeyData = (byte)'K';
    private const int CancelRequest = 80_877_102;
    private const int HeaderLength = 5;
    private const int Shift = 1;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly string _host;
    private readonly int _port;
    private int _swallowed;

    /// <param name="connectionString">Of the database behind it.</param>
    public FakePooler(string connectionString)
    {
        _listener.Start();
        var through = new NpgsqlConnectionStringBuilder(connectionString);
        (_host, _port) = (through.Host!, through.Port);
        (through.Host, through.Port) = ("127.0.0.1", ((IPEndPoint)_listener.LocalEndpoint).Port);
        (through.SslMode, through.GssEncryptionMode) = (SslMode.Disable, GssEncryptionMode.Disable);
        ConnectionString = through.ConnectionString;
        _ = Accept();
    }

    /// <summary>Of the same database, through the pooler.</summary>
    public string ConnectionString { get; }

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
            await Task.WhenAny(PassRequests(client.GetStream(), server.GetStream()), PassAnswers(server.GetStream(), client.GetStream()));
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            // One of the two has gone.
        }
    }

    // A request to cancel a statement names the process that the handshake gave.
    private static async Task PassRequests(NetworkStream from, NetworkStream to)
    {
        var start = new byte[12];
        await from.ReadExactlyAsync(start);
        if (BinaryPrimitives.ReadInt32BigEndian(start.AsSpan(4)) == CancelRequest)
        {
            Add(start.AsSpan(8), -Shift);
        }

        await to.WriteAsync(start);
        await from.CopyToAsync(to);
    }

    private static void Add(Span<byte> number, int shift) =>
        BinaryPrimitives.WriteInt32BigEndian(number, BinaryPrimitives.ReadInt32BigEndian(number) + shift);

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

            if (header[0] == BackendKeyData)
            {
                Add(body, Shift);
            }

            await to.WriteAsync((byte[])[.. header, .. body]);
        }
    }
}
