using System.Globalization;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.Configuration;

namespace EmbeddingFunctions.Hosting;

/// <summary>Reads single settings, and collects what is wrong with them.</summary>
internal sealed class SettingValues(IConfiguration configuration)
{
    private readonly List<string> _errors = [];

    /// <returns>Null if it is not set, or blank.</returns>
    public string? Text(string name) => configuration[name]?.Trim() is { Length: > 0 } value ? value : null;

    public bool Flag(string name, bool fallback = false)
    {
        switch (Text(name)?.ToLowerInvariant())
        {
            case null:
                return fallback;
            case "true" or "1":
                return true;
            case "false" or "0":
                return false;
            case { } other:
                Refuse($"{name} is '{other}'; it takes true or false.");
                return fallback;
        }
    }

    public int Number(string name, int fallback, int max)
    {
        if (Text(name) is not { } value)
        {
            return fallback;
        }

        if (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= max)
        {
            return number;
        }

        Refuse(SettingRules.NoNumber(name, value, max));
        return fallback;
    }

    public decimal? Dollars(string name)
    {
        if (Text(name) is not { } value)
        {
            return null;
        }

        if (decimal.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var dollars) && dollars > 0)
        {
            return dollars;
        }

        Refuse(SettingRules.NoDollars(name, value));
        return null;
    }

    /// <summary>The name of a choice, in any case.</summary>
    /// <param name="name">The setting.</param>
    /// <param name="choices">What it takes; none: all that there are.</param>
    public TEnum? OneOf<TEnum>(string name, params TEnum[] choices)
        where TEnum : struct, Enum
    {
        if (Text(name) is not { } value)
        {
            return null;
        }

        var names = (choices.Length > 0 ? choices : Enum.GetValues<TEnum>()).Select(choice => $"{choice}".ToLowerInvariant()).ToList();
        if (names.Contains(value.ToLowerInvariant()))
        {
            return Enum.Parse<TEnum>(value, ignoreCase: true);
        }

        Refuse($"{name} is '{value}'; it takes {string.Join(", ", names)}.");
        return null;
    }

    /// <summary>The address of a server.</summary>
    public Uri? Url(string name)
    {
        if (Text(name) is not { } value)
        {
            return null;
        }

        var (url, problem) = ServerUrl.Read(value);
        if (problem is not null)
        {
            Refuse($"{name} {problem}");
        }

        return url;
    }

    /// <summary>
    /// A text, and no reference to a Key Vault: Azure leaves one that it cannot resolve as it is, and that could be guessed.
    /// </summary>
    public string? Secret(string name)
    {
        var secret = Text(name);
        if (secret?.StartsWith("@Microsoft.KeyVault(", StringComparison.OrdinalIgnoreCase) == true)
        {
            Refuse($"{name} refers to a secret that is not in the Key Vault, or that the app may not read.");
        }

        return secret;
    }

    /// <summary>A secret that goes into a header, which would refuse it later and repeat it in the error.</summary>
    /// <param name="name">The setting.</param>
    /// <param name="shortest">Fewer characters are refused.</param>
    public string? Key(string name, int shortest = 1)
    {
        var key = Secret(name);
        if (key is not null && key.Any(c => c is <= ' ' or > '~'))
        {
            Refuse($"{name} holds a blank, a line break or a letter beyond ASCII, which no key does.");
        }

        if (key?.Length < shortest)
        {
            Refuse($"{name} is shorter than {shortest} characters: take a random one, as 'openssl rand -hex 32' makes it.");
        }

        return key;
    }

    public void Refuse(string problem) => _errors.Add(problem);

    /// <exception cref="SettingsException">All that is wrong, in one message.</exception>
    public T Checked<T>(T read) => _errors.Count == 0 ? read : throw new SettingsException(_errors);
}
