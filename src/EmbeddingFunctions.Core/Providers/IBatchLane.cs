namespace EmbeddingFunctions.Providers;

/// <summary>A provider's batch interface: files of requests, one a line, which are answered within a day at half the price.</summary>
/// <remarks>Calls fail with a <see cref="ProviderException"/>, whose message holds no key.</remarks>
internal interface IBatchLane
{
    /// <summary>Writes one request as a line of a file.</summary>
    /// <param name="file">Where to.</param>
    /// <param name="line">The line's number, counted from 1: its answer names it.</param>
    /// <param name="model">The provider's name of it.</param>
    /// <param name="dimensions">Of the vectors.</param>
    /// <param name="inputs">The texts.</param>
    void Write(Stream file, int line, string model, int dimensions, IReadOnlyList<string> inputs);

    /// <returns>The file's id.</returns>
    Task<string> Upload(string name, Stream file, CancellationToken cancellation);

    /// <param name="file">The id of the file of requests.</param>
    /// <param name="batch">Our own id, by which <see cref="Find"/> finds the batch again.</param>
    /// <param name="cancellation">Ends the call.</param>
    Task<LaneBatch> Create(string file, Guid batch, CancellationToken cancellation);

    /// <returns>The batch that was created with our id, or null.</returns>
    Task<LaneBatch?> Find(Guid batch, DateTimeOffset since, CancellationToken cancellation);

    Task<LaneBatch> Get(string id, CancellationToken cancellation);

    /// <summary>Asks for the batch's end; lines that are answered by then stay answered, and are charged.</summary>
    Task Cancel(string id, CancellationToken cancellation);

    /// <summary>Reads a file of answers line by line; a file that is gone has none.</summary>
    IAsyncEnumerable<LaneReply> Read(string file, CancellationToken cancellation);

    /// <summary>Deletes a file; one that is gone is no fault.</summary>
    Task Delete(string file, CancellationToken cancellation);
}

/// <summary>Where a batch is.</summary>
internal enum LaneStatus
{
    OnItsWay,

    /// <summary>It was refused as a whole.</summary>
    Failed,
    Completed,

    /// <summary>What was not answered within the day stays unanswered.</summary>
    Expired,
    Cancelled,
}

/// <param name="Output">The file of answers, or null.</param>
/// <param name="Errors">The file of lines that failed, or null.</param>
/// <param name="Reasons">Why it failed as a whole.</param>
internal sealed record LaneBatch(string Id, LaneStatus Status, string? Output, string? Errors, IReadOnlyList<LaneError> Reasons);

/// <param name="Line">Of the file of requests, counted from 1; null: it is about all of them.</param>
internal sealed record LaneError(string Code, string Message, int? Line)
{
    public bool IsTokenLimit => Code == "token_limit_exceeded";
}

/// <summary>The answer to a line.</summary>
/// <param name="Line">Null: it is not known.</param>
/// <param name="Vectors">In the order of the line's inputs.</param>
/// <param name="Tokens">What was charged.</param>
/// <param name="Fault">Why there are no vectors; <see cref="ProviderFault.Item"/>: an input is to blame.</param>
internal sealed record LaneReply(int? Line, IReadOnlyList<ReadOnlyMemory<float>> Vectors, long Tokens, ProviderException? Fault);
