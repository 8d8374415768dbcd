using System.Security.Cryptography;
using System.Text;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.Settings;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>
/// Keys that may search and do nothing else, each within its corpora and partitions; only their SHA-256 is known here. Their file is read
/// again when it has changed.
/// </summary>
internal sealed class SearchKeys
{
    public const string Header = "x-search-key";

    // A key that was taken out of the file is refused after this time at most.
    private static readonly TimeSpan _lookEvery = TimeSpan.FromSeconds(1);

    private readonly string? _path;
    private readonly CorpusSet _corpora;
    private readonly TimeProvider _time;
    private readonly ILogger<SearchKeys> _log;
    private readonly Lock _looking = new();
    private string? _text;
    private string? _problem;
    private long _looked;
    private volatile IReadOnlyList<Entry> _entries = [];

    /// <exception cref="SettingsException">The file cannot be read, or a key in it cannot be used.</exception>
    public SearchKeys(EmbeddingSettings settings, CorpusSet corpora, TimeProvider time, ILogger<SearchKeys> log)
    {
        (_path, _corpora, _time, _log) = (settings.SearchKeysFile, corpora, time, log);
        if (_path is not null)
        {
            _text = SearchKeysFile.Read(_path);
            _entries = SearchKeysFile.Parse(_path, _text, corpora);
            _looked = time.GetTimestamp();
        }
    }

    /// <summary>Whether there is a file of keys, be it without any: then none opens a search.</summary>
    public bool AreInUse => _path is not null;

    /// <returns>What the key of the request may see; null: it carries none, or one that is not known.</returns>
    public SearchScope? ScopeOf(HttpRequest request) => Find(request.Headers[Header].ToString());

    // Every digest is compared, each in constant time, so that the answer's time tells nothing about the keys.
    private SearchScope? Find(string key)
    {
        Look();
        var digest = SHA256.HashData(Encoding.UTF8.GetBytes(key));
        SearchScope? found = null;
        foreach (var entry in _entries)
        {
            found = CryptographicOperations.FixedTimeEquals(digest, entry.Digest) ? entry.Scope : found;
        }

        return found;
    }

    // By what it holds: where a file is a link, as a mounted secret is, its own date stays.
    private void Look()
    {
        if (_path is null || !_looking.TryEnter())
        {
            return;
        }

        try
        {
            if (_time.GetElapsedTime(_looked) < _lookEvery)
            {
                return;
            }

            _looked = _time.GetTimestamp();
            var text = SearchKeysFile.Read(_path);
            _problem = null;
            if (text != _text)
            {
                _text = text;
                _entries = SearchKeysFile.Parse(_path, text, _corpora);
                _log.SearchKeysAreRead(_entries.Count);
            }
        }
        catch (SettingsException e)
        {
            if (e.Message != _problem)
            {
                _log.SearchKeysAreKept(e.Message);
            }

            _problem = e.Message;
        }
        finally
        {
            _looking.Exit();
        }
    }

    /// <param name="Name">For messages; the key itself is nowhere.</param>
    /// <param name="Digest">SHA-256 of the key in UTF-8.</param>
    /// <param name="Scope">What it may see.</param>
    internal sealed record Entry(string Name, byte[] Digest, SearchScope Scope);
}
