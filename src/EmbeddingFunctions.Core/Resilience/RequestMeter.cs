using System.Collections.Concurrent;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Resilience;

/// <summary>
/// Counts a batch's requests, which may be sent side by side, and the tokens charged for them, retries included, and notes what they waited
/// for. It travels in the options of the calls.
/// </summary>
/// <param name="origin">For which corpus and run they are sent.</param>
internal sealed class RequestMeter(RequestOrigin? origin = null)
{
    private const string Name = "meter";
    private const string TokensName = "tokens";

    private readonly ConcurrentDictionary<WaitCause, Wait> _waits = new();
    private int _requests;
    private long _tokens;

    public int Requests => _requests;

    public long Tokens => Interlocked.Read(ref _tokens);

    /// <summary>One of each cause at most.</summary>
    public IReadOnlyCollection<Wait> Waits => (IReadOnlyCollection<Wait>)_waits.Values;

    public static RequestMeter? Of(EmbeddingGenerationOptions? options) =>
        options?.AdditionalProperties?.TryGetValue(Name, out RequestMeter? meter) == true ? meter : null;

    /// <returns>The tokens of a request's texts; null: the caller did not count them.</returns>
    public static int? TokensOf(EmbeddingGenerationOptions? options) =>
        options?.AdditionalProperties?.TryGetValue(TokensName, out int tokens) == true ? tokens : null;

    /// <param name="model">The provider's name of it.</param>
    /// <param name="dimensions">Of the vectors.</param>
    /// <param name="tokens">Of the request's texts, as counted or estimated; null: unknown.</param>
    public EmbeddingGenerationOptions Options(string model, int dimensions, int? tokens = null) =>
        new()
        {
            ModelId = model,
            Dimensions = dimensions,
            AdditionalProperties = new()
            {
                [Name] = this,
                [TokensName] = tokens,
                [RequestOrigin.Name] = origin ?? RequestOrigin.Unknown,
            },
        };

    public void Sent() => Interlocked.Increment(ref _requests);

    /// <summary>A request was not sent after all.</summary>
    public void Withheld() => Interlocked.Decrement(ref _requests);

    public void Paid(int tokens) => Interlocked.Add(ref _tokens, tokens);

    public void Waited(Wait? wait)
    {
        if (wait is not null && wait.Until - wait.From >= Wait.Shortest)
        {
            _waits.AddOrUpdate(wait.Cause, wait, (_, known) => known.With(wait));
        }
    }
}
