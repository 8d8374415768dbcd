using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>Declarations that do not fit the database: told clearly, all at once, before anything is changed.</summary>
public sealed class MisfitTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Theory]
    [InlineData("CREATE VIEW notes AS SELECT 1 AS id, 'x' AS title", "notes is a view, which cannot hold vectors")]
    [InlineData("CREATE TABLE notes (id int, title text)", "the key notes.id does not tell rows apart")]
    [InlineData("CREATE TABLE notes (id int UNIQUE, title text)", "the key notes.id does not tell rows apart")]
    [
        InlineData(
            "CREATE TABLE notes (id int, tenant int, title text, PRIMARY KEY (id, tenant))", "the key notes.id does not tell rows apart")]
    [
        InlineData(
            "CREATE TABLE notes (id int NOT NULL, title text); CREATE UNIQUE INDEX ON notes (id) WHERE id > 0",
            "the key notes.id does not tell rows apart")]
    [
        InlineData(
            "CREATE TABLE notes (id jsonb PRIMARY KEY, title text)",
            "the key notes.id is of type jsonb; it takes uuid, bigint, integer or text")]
    [InlineData("CREATE TABLE notes (id int PRIMARY KEY)", "the table notes has no column 'title'")]
    [InlineData("CREATE TABLE \"Notes\" (id int PRIMARY KEY, title text)", "there is no table 'notes'")]
    public async Task A_table_that_cannot_hold_items_is_a_clear_error(string table, string told)
    {
        await _database.Execute(table);
        await using var corpus = Notes();

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());

        Assert.Contains($"note: {told}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_that_does_not_fit_is_reported_at_once()
    {
        await _database.Execute("CREATE TABLE notes (id jsonb PRIMARY KEY, edited text)");
        await using var corpus = new DeclaredCorpus(_database.Source, new
        {
            name = "notes",
            dimensions = 16,
            partitions = new { table = "tenants", column = "id", owner = new { table = "owners", referredBy = "owner" } },
            tables = new[]
            {
                new
                {
                    kind = "note",
                    table = "notes",
                    partition = "tenant",
                    text = "{title}",
                    changedAt = "edited",
                    filter = new[] { new { column = "state", isNull = true } }
                }
            },
            pendingView = Declarations.View("pending", "made"),
        });

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());

        Assert.Equal(
            [
                "The corpus 'notes' does not fit the database. Correct the declaration or the tables, and look again with 'embeddings "
                    + "corpus check notes':",
                "note: the table notes has no column 'title'",
                "note: the table notes has no column 'state'",
                "note: the table notes has no column 'made'", "note: the table notes has no column 'tenant'",
                "note: the key notes.id is of type jsonb; it takes uuid, bigint, integer or text",
                "note: changedAt notes.edited is of type text; it takes a timestamp or a date", "partitions: there is no table 'tenants'",
                "partitions: there is no table 'owners'",
            ],
            error.Message.Split("\n  - "));
    }

    [Theory]
    [InlineData("state", "integer", "abc", "invalid input syntax for type integer: \"abc\" (22P02)")]
    [InlineData("state", "jsonb", "{}", "operator does not exist: jsonb pg_catalog.= jsonb")]
    public async Task A_filters_value_that_is_none_of_its_column_is_a_clear_error_before_anything_is_changed(
        string column, string type, string equalTo, string told)
    {
        await _database.Execute($"CREATE TABLE notes (id int PRIMARY KEY, title text, {column} {(type == "jsonb" ? "json" : type)})");
        await using var corpus = Notes(
            new { kind = "note", table = "notes", text = "{title}", filter = new[] { new { column, equalTo } } });

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());

        Assert.Contains(told.Replace("jsonb", "json", StringComparison.Ordinal), error.Message, StringComparison.Ordinal);
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM pg_class WHERE relname LIKE 'embedding%'"));
    }

    [Theory]
    [
        InlineData(
            "{title} {content}", null,
            "the column notes.content is generated, which the trigger that notes edits cannot see; name the columns that it is made of")]
    [
        InlineData(
            "{title}", "changed",
            "the column notes.changed is generated, which the trigger that notes edits cannot see; name the columns that it is made of")]
    public async Task A_generated_column_that_the_trigger_cannot_see_is_a_clear_error(string text, string? changedAt, string told)
    {
        await _database.Execute(
            """
            CREATE TABLE notes (id int PRIMARY KEY, title text, body text, edited date,
                content text GENERATED ALWAYS AS (title || ' ' || body) STORED, changed date GENERATED ALWAYS AS (edited) STORED)
            """);
        await using var corpus = Notes(new { kind = "note", table = "notes", text, changedAt });

        Assert.EndsWith(
            $"note: {told}", (await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate())).Message,
            StringComparison.Ordinal);
    }

    // Postgres has them from 18.
    [Fact]
    public void A_virtual_column_that_an_index_would_hold_is_a_clear_error()
    {
        var table = new CorpusTable
        {
            Kind = "note",
            Table = "notes",
            Text = "{title}",
            CreatedAt = "made",
            Filter = [new() { Column = "is_live", EqualTo = "true" }]
        };
        var found = new CatalogueTable("public", "notes", 'r', new()
        {
            ["id"] = new("integer", -1, true, ""),
            ["title"] = new("text", -1, false, ""),
            ["made"] = new("date", -1, false, "v"),
            ["is_live"] = new("boolean", -1, false, "v"),
        });

        var faults = CorpusResolver.Faults(
            new() { Name = "notes", Dimensions = 16, Tables = [table] }, new Dictionary<string, CatalogueTable> { ["notes"] = found },
            new() { Provider = ProviderChoice.Lexical, ProviderReason = "test" });

        Assert.Equal(
            [
                "note: the column notes.is_live is a virtual one, which no index can hold; make it STORED",
                "note: the column notes.made is a virtual one, which no index can hold; make it STORED"],
            faults.Select(fault => fault.Message));
    }

    [Fact]
    public async Task One_table_by_two_names_is_a_clear_error()
    {
        await _database.Execute("CREATE TABLE notes (id int PRIMARY KEY, title text)");
        await using var corpus = Notes(
            new { kind = "note", table = "notes", text = "{title}" }, new { kind = "memo", table = "public.notes", text = "MEMO {title}" });

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());

        Assert.EndsWith("- notes and public.notes are the same table: call it by one name", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Partitions_that_cannot_be_compared_are_a_clear_error()
    {
        await _database.Execute(
            "CREATE TABLE tenants (id uuid PRIMARY KEY); CREATE TABLE notes (id int PRIMARY KEY, tenant int, title text)");
        await using var corpus = new DeclaredCorpus(_database.Source, new
        {
            name = "notes",
            dimensions = 16,
            partitions = new { table = "tenants", column = "id" },
            tables = new[] { new { kind = "note", table = "notes", partition = "tenant", text = "{title}" } },
        });

        Assert.Contains(
            "operator does not exist: integer pg_catalog.= uuid",
            (await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate())).Message, StringComparison.Ordinal);
    }

    private DeclaredCorpus Notes(params object[] tables) => new(_database.Source, Declarations.Notes(tables));
}
