using Npgsql;

namespace EmbeddingFunctions.Hosting;

/// <summary>Turns <c>postgres://user:password@host:port/database?option=value</c> or an Npgsql string into an Npgsql string.</summary>
internal static class DatabaseUrl
{
    private const string Form = "postgres://user:password@host:5432/database, with special characters percent-encoded";

    // The names that libpq gives its options, where Npgsql has others.
    private static readonly Dictionary<string, string> _names = new(StringComparer.OrdinalIgnoreCase)
    {
        ["sslmode"] = "SSL Mode",
        ["application_name"] = "Application Name",
        ["connect_timeout"] = "Timeout",
        ["sslrootcert"] = "Root Certificate",
        ["sslcert"] = "SSL Certificate",
        ["sslkey"] = "SSL Key",
        ["search_path"] = "Search Path",
        ["channel_binding"] = "Channel Binding",
    };

    /// <exception cref="FormatException">What is wrong with it, without the value, which may hold a password.</exception>
    public static string ToConnectionString(string value)
    {
        try
        {
            var builder = IsUrl(value) ? FromUrl(new Uri(value)) : new NpgsqlConnectionStringBuilder(value);
            return string.IsNullOrEmpty(builder.Host)
                ? throw new FormatException($"names no host: write it like {Form}.")
                : builder.ConnectionString;
        }
        catch (Exception e) when (e is UriFormatException or ArgumentException)
        {
            throw new FormatException(
                $"cannot be read: write it like {Form}, or as an Npgsql connection string; its options are those of Npgsql and "
                    + $"{string.Join(", ", _names.Keys)}.");
        }
    }

    private static bool IsUrl(string value) =>
        value.StartsWith("postgres://", StringComparison.OrdinalIgnoreCase)
            || value.StartsWith("postgresql://", StringComparison.OrdinalIgnoreCase);

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
            var text = Uri.UnescapeDataString(pair.ElementAtOrDefault(1) ?? "");
            // libpq writes verify-full where Npgsql writes VerifyFull.
            builder[_names.GetValueOrDefault(name, name)] = name.Equals("sslmode", StringComparison.OrdinalIgnoreCase)
                ? text.Replace("-", "")
                : text;
        }

        return builder;
    }
}
