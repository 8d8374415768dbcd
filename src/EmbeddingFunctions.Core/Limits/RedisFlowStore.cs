using EmbeddingFunctions.Storage;
using StackExchange.Redis;

namespace EmbeddingFunctions.Limits;

/// <summary>One key a provider's model, by Redis's clock; it expires a day after its last use.</summary>
internal sealed class RedisFlowStore(RedisConnection redis) : IFlowStore
{
    private const string ReadState = "return {0, redis.call('GET', KEYS[1]) or '', redis.call('TIME')[1], redis.call('TIME')[2]}";

    private const string ExchangeState =
        """
        local time = redis.call('TIME')
        local state = redis.call('GET', KEYS[1]) or ''
        if state ~= ARGV[1] then return {0, state, time[1], time[2]} end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', 86400)
        return {1, ARGV[2], time[1], time[2]}
        """;

    public double Part => 1;

    public Task<KeptFlow?> Read(string provider, CancellationToken cancellation) => Ask(ReadState, provider, [], cancellation);

    public Task<KeptFlow?> Exchange(string provider, string? expected, string next, CancellationToken cancellation) =>
        Ask(ExchangeState, provider, [expected ?? "", next], cancellation);

    private async Task<KeptFlow?> Ask(string script, string provider, RedisValue[] values, CancellationToken cancellation)
    {
        var answer = await redis.Ask(database => database.ScriptEvaluateAsync(script, [$"embedding-flow:{provider}"], values), cancellation);
        if (answer is null)
        {
            return null;
        }

        var parts = (RedisResult[])answer!;
        var state = (string?)parts[1];
        if ((int)parts[0] == 1)
        {
            redis.IsOfUse();
        }

        return new KeptFlow(string.IsNullOrEmpty(state) ? null : state, Time((long)parts[2], (long)parts[3]), (int)parts[0] == 1);
    }

    private static DateTimeOffset Time(long seconds, long microseconds) =>
        DateTimeOffset.FromUnixTimeSeconds(seconds).AddTicks(microseconds * TimeSpan.TicksPerMicrosecond);
}
