using EmbeddingFunctions.Hosting;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Settings;

public sealed class DatabaseUrlTests
{
    [Theory]
    [InlineData("postgres://ann:secret@db.example:6543/shop", "db.example", 6543, "ann", "secret", "shop")]
    [InlineData("postgresql://ann:secret@db.example/shop", "db.example", 5432, "ann", "secret", "shop")]
    [InlineData("POSTGRES://ann:secret@db.example/shop", "db.example", 5432, "ann", "secret", "shop")]
    [InlineData("postgres://ann@db_1/shop", "db_1", 5432, "ann", null, "shop")]
    [InlineData("postgres://db", "db", 5432, null, null, null)]
    [InlineData("postgres://ann:@db/", "db", 5432, "ann", null, null)]
    [InlineData("postgres://a%40n%3An:p%40%3A%2F%23%3F%25%20w@db/my%20shop", "db", 5432, "a@n:n", "p@:/#?% w", "my shop")]
    [InlineData("postgres://ann:se;cret'=\"@db/shop", "db", 5432, "ann", "se;cret'=\"", "shop")]
    [InlineData("postgres://ann:pä+ß@db/shop", "db", 5432, "ann", "pä+ß", "shop")]
    [InlineData("postgres://ann:x@[::1]:5433/shop", "::1", 5433, "ann", "x", "shop")]
    [InlineData("postgres:///shop?host=/var/run/postgresql", "/var/run/postgresql", 5432, null, null, "shop")]
    [InlineData("Host=db;Port=6543;Username=ann;Password=se'c=ret;Database=shop", "db", 6543, "ann", "se'c=ret", "shop")]
    [InlineData("Server=db;User Id=ann;Password='a;b'", "db", 5432, "ann", "a;b", null)]
    public void A_url_or_an_npgsql_string_names_the_database(
        string value, string host, int port, string? user, string? password, string? database)
    {
        var read = new NpgsqlConnectionStringBuilder(DatabaseUrl.ToConnectionString(value));

        Assert.Equal(
            (host, port, user, password, database),
            (read.Host, read.Port, read.Username, string.IsNullOrEmpty(read.Password) ? null : read.Password, read.Database));
    }

    [Theory]
    [InlineData("disable", SslMode.Disable)]
    [InlineData("prefer", SslMode.Prefer)]
    [InlineData("require", SslMode.Require)]
    [InlineData("verify-ca", SslMode.VerifyCA)]
    [InlineData("verify-full", SslMode.VerifyFull)]
    public void An_ssl_mode_is_written_as_libpq_does(string mode, SslMode expected) =>
        Assert.Equal(
            expected, new NpgsqlConnectionStringBuilder(DatabaseUrl.ToConnectionString($"postgres://db/shop?sslmode={mode}")).SslMode);

    [Fact]
    public void Options_are_those_of_libpq_and_of_npgsql()
    {
        var read = new NpgsqlConnectionStringBuilder(DatabaseUrl.ToConnectionString(
            "postgres://db/shop?application_name=my%20app&connect_timeout=3&channel_binding=require&sslrootcert=/ca.pem"
                + "&search_path=a,b&Maximum%20Pool%20Size=7&pooling=false"));

        Assert.Equal(("my app", 3, ChannelBinding.Require, "/ca.pem", "a,b", 7, false),
            (
                read.ApplicationName, read.Timeout, read.ChannelBinding, read.RootCertificate, read.SearchPath, read.MaxPoolSize,
                read.Pooling));
    }

    [Theory]
    [InlineData("postgres://ann:s3cr@t@db/shop")]
    [InlineData("postgres://ann:s3cr#t@db/shop")]
    [InlineData("postgres://ann:s3cr/t@db/shop")]
    [InlineData("postgres://ann:s3cr?t@db/shop")]
    [InlineData("postgres://db:99999/shop?password=s3cr")]
    [InlineData("postgres://ann:s3cr@db/shop?no_such_option=s3cr")]
    [InlineData("postgres://ann:s3cr@db/shop?sslmode=s3cr")]
    [InlineData("postgres://ann:s3cr@db/shop?connect_timeout=s3cr")]
    [InlineData("postgres://ann:s3cr@db/shop?=s3cr")]
    [InlineData("postgres://ann:s3cr@/shop")]
    [InlineData("postgres://")]
    [InlineData("mysql://ann:s3cr@db/shop")]
    [InlineData("s3cr")]
    [InlineData("Host=db;Password='s3cr")]
    [InlineData("Host=db;Nope=s3cr")]
    [InlineData("Host=db;Port=s3cr")]
    [InlineData("Username=ann;Password=s3cr")]
    [InlineData("Host=;Password=s3cr")]
    public void What_cannot_be_read_is_refused_without_repeating_it(string value)
    {
        var error = Assert.Throws<FormatException>(() => DatabaseUrl.ToConnectionString(value));

        Assert.Contains("postgres://user:password@host:5432/database", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cr", error.ToString(), StringComparison.Ordinal);
    }
}
