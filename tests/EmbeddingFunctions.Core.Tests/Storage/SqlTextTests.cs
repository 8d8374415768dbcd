using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;
using NpgsqlTypes;

namespace EmbeddingFunctions.Core.Tests.Storage;

public sealed class SqlTextTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public void A_spliced_statement_brings_its_parameters_and_they_are_numbered_in_the_order_of_the_whole()
    {
        var inner = Sql.Of($"b = {2} AND c = {"three"}");

        var statement = Sql.Of($"SELECT a FROM t WHERE a = {1} AND {inner} AND d = {4L} AND NOT ({inner})");

        var values = new List<SqlValue>();
        Assert.Equal("SELECT a FROM t WHERE a = $1 AND b = $2 AND c = $3 AND d = $4 AND NOT (b = $2 AND c = $3)", statement.Render(values));
        Assert.Equal([1, 2, "three", 4L], values.Select(value => value.Parameter().Value!));
    }

    [Fact]
    public async Task A_value_is_never_part_of_the_text()
    {
        const string Hostile = "'; DROP TABLE y; -- $1 {0}";
        var statement = Sql.Of($"SELECT {Hostile}");

        Assert.Equal("SELECT $1", statement.ToString());
        Assert.Equal(Hostile, await _database.Source.ScalarAsync<string>(statement, default));
    }

    [Fact]
    public async Task Names_and_constants_are_quoted()
    {
        var statement = Sql.Of($"SELECT {Sql.Literal("it's")} AS {Sql.Identifier("a \"name\"")}");

        Assert.Equal("SELECT 'it''s' AS \"a \"\"name\"\"\"", statement.ToString());
        Assert.Equal("it's", await _database.Source.ScalarAsync<string>(statement, default));
    }

    [Fact]
    public void A_parameter_in_quotes_is_a_fault_of_the_program() =>
        Assert.Throws<InvalidOperationException>(() => Sql.Of($"SELECT '{"dead"}'"));

    [Fact]
    public void The_holes_of_a_piece_that_is_not_wanted_are_not_evaluated()
    {
        string? missing = null;

        Assert.Equal("SELECT 1", Sql.Of($"SELECT 1{Sql.When(missing is not null, $" WHERE length = {missing!.Length}")}").ToString());
    }

    [Fact]
    public void The_lines_of_a_piece_are_indented_as_the_line_it_stands_in_and_quoted_text_is_left_alone()
    {
        var piece = Sql.Of(
            $"""
            SELECT {Sql.Literal("two\nlines")}
            FROM   t
            """);

        Assert.Equal(
            "EXISTS (\n    SELECT 'two\nlines'\n    FROM   t)",
            Sql.Of(
                $"""
                EXISTS (
                    {piece})
                """).ToString());
    }

    [Fact]
    public async Task Values_keep_their_types_and_nulls_have_one()
    {
        var types = await _database.Source.QueryAsync(
            $"""
            SELECT pg_typeof({(string?)null})::text, pg_typeof({(int?)null})::text, pg_typeof({(Guid?)null})::text,
                   pg_typeof({(DateTimeOffset?)null})::text, pg_typeof({TimeSpan.FromMinutes(1)})::text,
                   pg_typeof({Array.Empty<string>()})::text, pg_typeof({new string?[] { "a", null }})::text,
                   pg_typeof({new[] { new byte[] { 1 } }})::text, pg_typeof({1L})::text,
                   pg_typeof({Sql.Value("{}", NpgsqlDbType.Jsonb)})::text, pg_typeof({Sql.Value((string?)null, NpgsqlDbType.Jsonb)})::text
            """,
            row => Enumerable.Range(0, row.FieldCount).Select(row.GetString).ToList(), default);

        Assert.Equal(
            [
                "text", "integer", "uuid", "timestamp with time zone", "interval", "text[]", "text[]", "bytea[]", "bigint", "jsonb", "jsonb"
            ],
            Assert.Single(types));
    }

    [Fact]
    public async Task Statements_of_a_round_trip_are_one_transaction_and_each_reads_its_own_rows()
    {
        var (first, last) = (0L, 0L);
        await _database.Source.ReadAsync(
            [
                Sql.Of($"CREATE TEMP TABLE t ON COMMIT DROP AS SELECT {1} AS a"), Sql.Of($"SELECT count(*) FROM t"),
                Sql.Of($"INSERT INTO t VALUES ({2})"), Sql.Of($"SELECT sum(a) FROM t"),
            ],
            default, row => first = row.GetInt64(0), row => last = row.GetInt64(0));

        Assert.Equal((1, 3), (first, last));
    }

    [Fact]
    public async Task A_scalar_of_another_type_is_an_error_and_not_a_default() => await Assert.ThrowsAnyAsync<InvalidCastException>(
        () => _database.Source.ScalarAsync<long>($"SELECT 'text'", default));
}
