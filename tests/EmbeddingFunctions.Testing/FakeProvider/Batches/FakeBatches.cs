using System.Text;
using System.Text.Json;

namespace EmbeddingFunctions.Testing;

/// <summary>The fake's batch interface: files, and batches that run when they are looked at.</summary>
public sealed class FakeBatches
{
    private const int MostInputs = 50_000;

    private readonly FakeServices _services;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, byte[]> _files = [];
    private readonly List<FakeBatch> _batches = [];

    internal FakeBatches(FakeServices services) => _services = services;

    /// <summary>
    /// How long a batch takes by the clock of <see cref="FakeOpenAiOptions.TimeProvider"/>; zero: it has ended at the first look.
    /// </summary>
    public TimeSpan Duration { get; set; }

    /// <summary>Tokens allowed in batches that have not ended; null for no limit.</summary>
    public long? QueueLimit { get; set; }

    /// <summary>What goes wrong with a batch, by its number from 1.</summary>
    public Func<int, FakeBatchScript> Script { get; set; } = _ => new();

    /// <summary>The status with which a request is refused, by its method and path; null: it is served.</summary>
    public Func<string, int?> Refuse { get; set; } = _ => null;

    /// <summary>Is awaited before a batch is created.</summary>
    public Func<Task> BeforeCreate { get; set; } = () => Task.CompletedTask;

    /// <summary>Is awaited after a batch was created, before that is answered.</summary>
    public Func<Task> AfterCreate { get; set; } = () => Task.CompletedTask;

    /// <summary>Is awaited in the middle of a download.</summary>
    public Func<Task> MidDownload { get; set; } = () => Task.CompletedTask;

    /// <summary>Batches, oldest first, with their status as it was at the last look.</summary>
    public IReadOnlyList<FakeBatch> All => Locked(() => _batches.ToList());

    /// <summary>Files that were not deleted.</summary>
    public int FileCount => Locked(() => _files.Count);

    internal string Add(byte[] content) => Locked(() =>
    {
        var id = $"file-{Guid.NewGuid():N}";
        _files.Add(id, content);
        return id;
    });

    internal byte[]? File(string id) => Locked(() => _files.GetValueOrDefault(id));

    internal bool Remove(string id) => Locked(() => _files.Remove(id));

    internal FakeBatch? Create(string file, IReadOnlyDictionary<string, string> metadata) => Locked(() =>
    {
        if (!_files.TryGetValue(file, out var content))
            return null;
        var batch = new FakeBatch(_batches.Count + 1, file, metadata, Now, Script(_batches.Count + 1));
        _batches.Add(batch);
        Validate(batch, Encoding.UTF8.GetString(content));
        return batch;
    });

    internal FakeBatch? Look(string id) => Locked(() =>
    {
        var batch = _batches.Find(batch => batch.Id == id);
        if (batch is { HasEnded: false })
            Advance(batch);
        return batch;
    });

    internal FakeBatch? Cancel(string id) => Locked(() =>
    {
        var batch = _batches.Find(batch => batch.Id == id);
        if (batch is { HasEnded: false })
            batch.Status = "cancelling";
        return batch;
    });

    private DateTimeOffset Now => _services.Options.TimeProvider.GetUtcNow();

    private void Validate(FakeBatch batch, string content)
    {
        var ids = new HashSet<string>();
        var inputs = 0;
        foreach (var (text, index) in content.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select((text, index) => (text, index)))
        {
            using var json = JsonDocument.Parse(text);
            var body = EmbeddingsRequest.Of(json.RootElement.GetProperty("body"), _services.Options);
            batch.Lines.Add((json.RootElement.GetProperty("custom_id").GetString()!, body));
            inputs += body.Texts.Count;
            if (!ids.Add(batch.Lines[^1].Id))
                batch.Fail("duplicate_custom_id", "The custom_id is not unique.", index + 1);
            if (json.RootElement.GetProperty("url").GetString() != "/v1/embeddings")
                batch.Fail("url_mismatch", "The URL is not the batch's endpoint.", index + 1);
        }

        batch.Tokens = batch.Lines.Sum(line => (long)line.Request.Tokens);
        if (batch.Lines.Count == 0)
            batch.Fail("empty_file", "The input file is empty.", null);
        if (inputs > MostInputs)
            batch.Fail("too_many_tasks", "The batch has more than 50,000 inputs.", null);
        foreach (var (code, message, line) in batch.Script.Refusals)
            batch.Fail(code, message, line);
        if (QueueLimit is { } limit && _batches.Where(other => !other.HasEnded).Sum(other => other.Tokens) > limit)
            batch.Fail("token_limit_exceeded", $"Enqueued token limit reached. Limit: {limit:N0} enqueued tokens.", null);
    }

    private void Advance(FakeBatch batch)
    {
        if (batch.Status == "cancelling")
            End(batch, "cancelled", (int)(batch.Lines.Count * Share(batch)));
        else if (batch.Script.IsEndless || Now - batch.CreatedAt < Duration)
            batch.Status = "in_progress";
        else
            End(batch, batch.Script.ExpiresAfter is null ? "completed" : "expired", batch.Script.ExpiresAfter ?? batch.Lines.Count);
    }

    private double Share(FakeBatch batch) => Duration <= TimeSpan.Zero ? 0 : Math.Min(1, (Now - batch.CreatedAt) / Duration);

    private void End(FakeBatch batch, string status, int done)
    {
        var (output, errors) = (new List<string>(), new List<string>());
        for (var number = 1; number <= batch.Lines.Count; number++)
        {
            var (id, request) = batch.Lines[number - 1];
            if (number > done)
                errors.Add(FakeBatchLine.Unfinished(id, status == "expired" ? "batch_expired" : "batch_cancelled"));
            else if (Refusal(batch, request) is { } refusal)
                errors.Add(FakeBatchLine.Refused(id, refusal));
            else
                Answer(batch, number, id, request, output);
        }

        if (batch.Script.HasStrangers)
            output.AddRange([FakeBatchLine.Unfinished(null, "server_error"), FakeBatchLine.Unfinished("999999", "server_error"), "{}"]);
        if (batch.Script.Shuffle)
            output.Reverse();
        batch.OutputFile = output.Count == 0 ? null : Add(Encoding.UTF8.GetBytes(string.Concat(output.Select(line => line + "\n"))));
        batch.ErrorFile = errors.Count == 0 ? null : Add(Encoding.UTF8.GetBytes(string.Concat(errors.Select(line => line + "\n"))));
        batch.Status = status;
    }

    private void Answer(FakeBatch batch, int number, string id, EmbeddingsRequest request, List<string> output)
    {
        _services.Audit.Pay(request, Contract.Dimensions(request, _services.Options));
        var line = FakeBatchLine.Answered(id, Testing.Answer.Of(request, _services.Options));
        if (batch.Script.IsMissing(number))
            return;
        output.Add(batch.Script.IsTorn(number) ? line[..(line.Length / 2)] : line);
        if (batch.Script.IsTwice(number))
            output.Add(line);
    }

    private Refusal? Refusal(FakeBatch batch, EmbeddingsRequest request) =>
        batch.Script.AllFailWith is { } status ? new Refusal(status, "Every line fails.", Code: "model_not_found")
        : request.Texts.Any(batch.Script.IsBadInput) ? Refusals.InvalidInput
        : Contract.Check(request, _services.Options);

    private T Locked<T>(Func<T> work)
    {
        lock (_lock)
            return work();
    }
}

/// <summary>A batch as the fake has it.</summary>
public sealed class FakeBatch(
    int number, string inputFile, IReadOnlyDictionary<string, string> metadata, DateTimeOffset createdAt, FakeBatchScript script)
{
    public string Id { get; } = $"batch_{number:000}_{Guid.NewGuid():N}";

    public string InputFile => inputFile;

    public string? OutputFile { get; internal set; }

    public string? ErrorFile { get; internal set; }

    public string Status { get; internal set; } = "validating";

    public IReadOnlyDictionary<string, string> Metadata => metadata;

    public DateTimeOffset CreatedAt => createdAt;

    public long Tokens { get; internal set; }

    public int InputCount => Lines.Sum(line => line.Request.Texts.Count);

    public int LineCount => Lines.Count;

    internal FakeBatchScript Script => script;

    internal List<(string Id, EmbeddingsRequest Request)> Lines { get; } = [];

    internal List<(string Code, string Message, int? Line)> Errors { get; } = [];

    internal bool HasEnded => Status is "failed" or "completed" or "expired" or "cancelled";

    internal void Fail(string code, string message, int? line)
    {
        Status = "failed";
        Errors.Add((code, message, line));
    }
}
