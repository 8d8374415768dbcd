using System.Globalization;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Bench.Data;
using Npgsql;

namespace EmbeddingFunctions.Bench.Writes;

/// <summary>One UPDATE a row by its key, into the same columns as the engine's; no claim, no check.</summary>
internal sealed class RowByRow(BenchDatabase database, bool isText, bool isOneTransaction) : IBatchWrite
{
    private readonly NpgsqlConnection _connection = new(database.ConnectionString);

    private readonly string _update =
        $"""
        UPDATE documents
        SET    embedding = $1::{(isText ? "text" : "real[]")}::vector(384), embedding_generated_at = clock_timestamp(),
               embedding_model = $2, embedding_rule = $3, content_hash = $4, embedding_state = 'embedded'
        WHERE  id = $5
        """;

    public async Task Write(Claim claim, IReadOnlyList<ItemOutcome> outcomes)
    {
        if (_connection.State != System.Data.ConnectionState.Open)
        {
            await _connection.OpenAsync();
        }

        await using var transaction = isOneTransaction ? await _connection.BeginTransactionAsync() : null;
        foreach (var outcome in outcomes)
        {
            await Update(claim, outcome);
        }

        if (transaction is not null)
        {
            await transaction.CommitAsync();
        }
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private async Task Update(Claim claim, ItemOutcome outcome)
    {
        await using var command = new NpgsqlCommand(_update, _connection);
        object vector = isText ? Text(outcome.Vector.Span) : outcome.Vector.ToArray();
        foreach (var value in new[] { vector, claim.Table.Rule.Model, claim.Table.Rule.Id, outcome.Hash, long.Parse(outcome.Item.Id) })
        {
            command.Parameters.Add(new() { Value = value });
        }

        await command.ExecuteNonQueryAsync();
    }

    private static string Text(ReadOnlySpan<float> vector)
    {
        var numbers = new string[vector.Length];
        for (var i = 0; i < vector.Length; i++)
        {
            numbers[i] = vector[i].ToString(CultureInfo.InvariantCulture);
        }

        return $"[{string.Join(',', numbers)}]";
    }
}
