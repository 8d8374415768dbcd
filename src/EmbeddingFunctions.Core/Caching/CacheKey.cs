using System.Security.Cryptography;
using System.Text;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Caching;

/// <summary>
/// Names the entries of one provider and one database, and signs them with a secret of that database. A model's name may mean another model
/// at another provider, and others may write to a Redis: they can neither work out an entry's name nor sign one.
/// </summary>
internal sealed class CacheKey(
    EmbeddingSettings settings, NpgsqlDataSource database, byte[]? secret = null, DatabaseOutages? outages = null)
{
    private const string Reading = "the secret of cached vectors";

    private readonly byte[] _provider = Encoding.UTF8.GetBytes($"{settings.Provider} {settings.BaseUrl?.Authority}\u001f");

    private byte[]? _secret = secret;

    private byte[] Secret => _secret ?? throw new InvalidOperationException($"{nameof(Load)} comes first.");

    /// <returns>Whether the secret of the database is known; without it there is no cache.</returns>
    public async ValueTask<bool> Load(CancellationToken cancellation)
    {
        if (_secret is not null)
        {
            return true;
        }

        try
        {
            _secret = await database.ScalarAsync<byte[]>($"SELECT key FROM embedding.cache_key", cancellation);
            outages?.Answered(Reading);
        }
        catch (Exception e) when (
            e is TimeoutException || (e is NpgsqlException { SqlState: not PostgresErrorCodes.InsufficientPrivilege }))
        {
            // No cache.
            outages?.Failed(Reading, e);
        }

        return _secret is not null;
    }

    /// <returns>A secret of this database for another purpose, 32 bytes; null: the database does not tell it now.</returns>
    public async ValueTask<byte[]?> Derive(string purpose, CancellationToken cancellation) =>
        await Load(cancellation) ? HMACSHA256.HashData(Secret, (byte[])[(byte)'p', .. Encoding.UTF8.GetBytes(purpose)]) : null;

    /// <returns>An entry's name: 32 bytes.</returns>
    public byte[] Of(string fingerprint) =>
        HMACSHA256.HashData(Secret, (byte[])[(byte)'n', .. _provider, .. Encoding.ASCII.GetBytes(fingerprint)]);

    /// <returns>An entry's signature: 32 bytes.</returns>
    public byte[] Sign(string fingerprint, ReadOnlySpan<byte> body)
    {
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, Secret);
        hash.AppendData([(byte)'s', .. Encoding.ASCII.GetBytes(fingerprint)]);
        hash.AppendData(body);
        return hash.GetHashAndReset();
    }
}
