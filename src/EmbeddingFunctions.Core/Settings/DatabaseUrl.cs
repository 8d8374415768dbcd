using Npgsql;

namespace EmbeddingFunctions.Settings;

/// <summary>Turns <c>postgres://user:password@host:port/database?option=value</c> or an Npgsql string into an Npgsql string.</summary>
internal static class DatabaseUrl
{
    // The names that libpq gives its options, where Npgsql has others.
    private static readonly Dictionary<string, string> _names = new(StringComparer.OrdinalIgnoreCase)
    {
        ["sslmode"] = "SSL Mode",
        ["application_name"] = "Application Name",
        ["connect_timeout"] = "Timeout",
        ["sslrootcert"] = "Root Certificate",
        ["search_path"] = "Search Path",
        ["channel_binding"] = "Channel Binding",
    };

    /// <exception cref="FormatException">What is wrong with it, without the value, which may hold a password.</exception>
    public static string ToConnectionString(string value)
    {
        try
        {
            var builder = value.StartsWith("postgres://", StringComparison.Ordinal) || value.StartsWith("postgresql://", StringComparison.Ordinal)
                ? FromUrl(new Uri(value))
                : new NpgsqlConnectionStringBuilder(value);
            return string.IsNullOrEmpty(builder.Host)
                ? throw new FormatException("names no host: write it like postgres://user:password@host:5432/database.")
                : builder.ConnectionString;
        }
        catch (Exception e) when (e is UriFormatException or ArgumentException or KeyNotFoundException)
        {
            throw new FormatException("cannot be read: write it like postgres://user:password@host:5432/database, or as an Npgsql connection string.");
        }
    }

    private static NpgsqlConnectionStringBuilder FromUrl(Uri url)
    {
        var builder = new NpgsqlConnectionStringBuilder { Host = url.Host.Trim('[', ']') };
        if (url.Port > 0)
        {
            builder.Port = url.Port;
        }

        var user = url.UserInfo.Split(':', 2);
        builder.Username = user[0].Length > 0 ? Uri.UnescapeDataString(user[0]) : null;
        builder.Password = user.Length > 1 ? Uri.UnescapeDataString(user[1]) : null;
        builder.Database = url.AbsolutePath.Length > 1 ? Uri.UnescapeDataString(url.AbsolutePath[1..]) : null;
        foreach (var option in url.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var pair = option.Split('=', 2);
            var name = Uri.UnescapeDataString(pair[0]);
            builder[_names.GetValueOrDefault(name, name)] = Uri.UnescapeDataString(pair.ElementAtOrDefault(1) ?? "");
        }

        return builder;
    }
}
