using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Testing;
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

    [Theory]
    [InlineData(false, 2)]
    [InlineData(true, 7)]
    public async Task A_statement_is_prepared_when_it_is_sent_again_unless_another_number_is_set(bool isSet, int expected)
    {
        await using var server = await TestDatabase.Empty();
        await using var database = await Database.Open(
            $"{server.ConnectionString};Maximum Pool Size=1{(isSet ? ";Auto Prepare Min Usages=7" : "")}", CancellationToken.None);
        const string Statement = "SELECT $1::date";
        var sent = 0;
        for (var prepared = 0L; prepared == 0; sent++)
        {
            await using var command = database.CreateCommand(Statement);
            command.Parameters.Add(new() { Value = new DateOnly(2026, 1, 1) });
            await command.ExecuteScalarAsync();
            await using var question = database.CreateCommand(
                $"SELECT count(*) FROM pg_prepared_statements WHERE statement = '{Statement}'");
            prepared = (long)(await question.ExecuteScalarAsync())!;
        }

        Assert.Equal(expected, sent);
    }
}
