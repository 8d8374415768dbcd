using System.Text;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Providers;

namespace EmbeddingFunctions.BatchLane;

/// <summary>The file of a batch while it is made: a temporary one, which goes with the process.</summary>
/// <param name="batch">The batch's id.</param>
/// <param name="lane">Knows how a line is written.</param>
/// <param name="limits">What goes into it.</param>
/// <param name="model">The provider's name of it.</param>
/// <param name="dimensions">Of the vectors.</param>
/// <param name="room">How many tokens it may have; the first item always goes in.</param>
internal sealed class LaneFile(Guid batch, IBatchLane lane, LaneLimits limits, string model, int dimensions, long room) : IAsyncDisposable
{
    // A quote or a control character takes more bytes in JSON.
    private const int BytesPerByte = 2;

    private readonly Dictionary<string, int> _lines = [];
    private readonly List<string> _open = [];
    private int _openTokens;
    private long _openBytes;
    private int _written;

    public Guid Batch => batch;

    public FileStream Stream { get; } = Create(Path.Combine(Path.GetTempPath(), $"embeddings-{batch:N}.jsonl"));

    /// <summary>Which text is on which line, in the order of the inputs.</summary>
    public List<(int Line, string Fingerprint)> Places { get; } = [];

    public long Tokens { get; private set; }

    public bool IsFull { get; private set; }

    /// <summary>Puts an item's texts on lines. A text that the file has already is not put on another one.</summary>
    /// <returns>The lines with its texts; none: the file is full.</returns>
    public IReadOnlyCollection<int> Place(ClaimedItem item, IReadOnlyList<TextWork> parts)
    {
        var (tokens, bytes) = (parts.Sum(part => (long)part.Sent.Tokens), parts.Sum(part => Bytes(part.Sent.Text)));
        IsFull |= Places.Count > 0
            && (Places.Count + parts.Count > limits.Inputs || Tokens + tokens > room
                || Stream.Length + (BytesPerByte * (_openBytes + bytes)) > limits.Bytes);
        if (IsFull)
        {
            return [];
        }

        // A text that failed before is alone on its line: one bad input fails the whole.
        var isSuspect = item.Attempts > 1;
        if (isSuspect)
        {
            CloseLine();
        }

        var lines = parts.Select(Place).ToHashSet();
        if (isSuspect)
        {
            CloseLine();
        }

        return lines;
    }

    /// <summary>Writes what is open, and goes to the beginning.</summary>
    public void Finish()
    {
        CloseLine();
        Stream.Flush();
        Stream.Position = 0;
    }

    public ValueTask DisposeAsync() => Stream.DisposeAsync();

    // Of texts; no other user reads it.
    private static FileStream Create(string path)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Options = FileOptions.DeleteOnClose | FileOptions.Asynchronous,
        };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new FileStream(path, options);
    }

    private int Place(TextWork part)
    {
        if (_lines.TryGetValue(part.SentFingerprint, out var line))
        {
            return line;
        }

        var (text, tokens) = (part.Sent.Text, part.Sent.Tokens);
        if (_open.Count == limits.InputsPerLine || (_open.Count > 0 && _openTokens + tokens > limits.TokensPerLine))
        {
            CloseLine();
        }

        _open.Add(text);
        (_openTokens, _openBytes, Tokens) = (_openTokens + tokens, _openBytes + Bytes(text), Tokens + tokens);
        Places.Add((_written + 1, part.SentFingerprint));
        return _lines[part.SentFingerprint] = _written + 1;
    }

    private void CloseLine()
    {
        if (_open.Count == 0)
        {
            return;
        }

        lane.Write(Stream, ++_written, model, dimensions, _open);
        _open.Clear();
        (_openTokens, _openBytes) = (0, 0);
    }

    private static long Bytes(string text) => Encoding.UTF8.GetByteCount(text);
}
