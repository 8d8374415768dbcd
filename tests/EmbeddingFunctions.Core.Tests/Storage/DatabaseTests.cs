using EmbeddingFunctions.Hosting;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Storage;

public sealed class DatabaseTests
{
    private const string Azure = "Host=db.postgres.database.azure.com;Username=app";

    [Theory]
    [InlineData(Azure, SslMode.VerifyFull)]
    [InlineData($"{Azure};SSL Mode=Require", SslMode.VerifyFull)]
    [InlineData($"{Azure};SSL Mode=Disable", SslMode.VerifyFull)]
    [InlineData($"{Azure};Password=secret;SSL Mode=Require", SslMode.Require)]
    [InlineData("Host=db.example;Username=app", SslMode.Prefer)]
    public void A_token_goes_to_no_server_whose_certificate_was_not_checked(string connectionString, SslMode expected)
    {
        using var database = Database.Open(connectionString);

        Assert.Equal(expected, new NpgsqlConnectionStringBuilder(database.ConnectionString).SslMode);
    }

    [Theory]
    [InlineData("Host=db.example", 10)]
    [InlineData("Host=db.example;Maximum Pool Size=3", 3)]
    [InlineData("Host=db.example;MaxPoolSize=100", 100)]
    public void A_process_opens_ten_connections_at_most_unless_another_number_is_set(string connectionString, int expected)
    {
        using var database = Database.Open(connectionString);

        Assert.Equal(expected, new NpgsqlConnectionStringBuilder(database.ConnectionString).MaxPoolSize);
    }
}
