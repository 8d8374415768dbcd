using System.Text.Json.Nodes;
using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Core.Tests.Messy;

/// <summary>Sources that are no plain tables: views, foreign tables, texts within json.</summary>
public sealed partial class MessyTablesTests
{
    private const string Products =
        """
        CREATE TABLE products (sku text PRIMARY KEY, name text, about text, shop int NOT NULL DEFAULT 1);
        INSERT INTO products SELECT 'p' || n, 'Product ' || n, 'About ' || n FROM generate_series(1, 3) n;
        """;

    private const string EditProducts =
        """
        UPDATE products SET about = 'Another' WHERE sku = 'p1';
        UPDATE products SET shop = 1;
        INSERT INTO products VALUES ('p4', 'Product 4', 'About 4');
        """;

    [Fact]
    public async Task A_view()
    {
        await _database.Execute(
            $"""
            {Products}
            CREATE TABLE shops (id int PRIMARY KEY, city text); INSERT INTO shops VALUES (1, 'Oslo');
            CREATE VIEW offers AS SELECT p.sku, p.name, p.about, s.city FROM products p JOIN shops s ON s.id = p.shop;
            """);
        await using var messy = await MessyTable.Propose(
            _database, "offers", "concat_ws('. ', s.name, s.about)",
            declare: corpus => corpus["tables"]![0]!["text"] = "{name}. {about}");

        Assert.Equal("sku", messy.Declared.Tables[0].Id);
        Assert.Contains(messy.Unsure, line => line.StartsWith("id: sku is a guess", StringComparison.Ordinal));
        await Walk(messy, items: 3, EditProducts, edited: 2, "DELETE FROM products WHERE sku = 'p2'", left: 3);
    }

    [Fact]
    public async Task A_materialized_view_with_a_key_of_two_columns()
    {
        await _database.Execute(
            $"""
            {Products}
            CREATE MATERIALIZED VIEW offers AS SELECT sku, shop, name || ', ' || about AS text FROM products;
            """);
        await using var messy = await MessyTable.Propose(
            _database, "offers", "s.text", declare: corpus => corpus["tables"]![0]!["key"] = new JsonArray("shop", "sku"));

        await Walk(
            messy, items: 3, $"{EditProducts} REFRESH MATERIALIZED VIEW offers", edited: 2,
            "DELETE FROM products WHERE sku = 'p2'; REFRESH MATERIALIZED VIEW offers", left: 3);
    }

    [Fact]
    public async Task A_foreign_table()
    {
        await _database.Execute($"CREATE SCHEMA far; {Products} ALTER TABLE products SET SCHEMA far");
        await _database.Execute(
            """
            CREATE EXTENSION postgres_fdw;
            DO $$ BEGIN EXECUTE format('CREATE SERVER self FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L)',
                host(inet_server_addr()), inet_server_port(), current_database()); END $$;
            CREATE USER MAPPING FOR current_user SERVER self;
            IMPORT FOREIGN SCHEMA far FROM SERVER self INTO public;
            """);
        await using var messy = await MessyTable.Propose(_database, "products", "s.name");

        await Walk(
            messy, items: 3,
            "UPDATE far.products SET name = 'Another' WHERE sku = 'p1'; INSERT INTO far.products VALUES ('p4', 'Product 4')", edited: 2,
            "DELETE FROM far.products WHERE sku = 'p2'", left: 3);
    }

    [Fact]
    public async Task Nothing_but_jsonb()
    {
        await _database.Execute(
            """
            CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, data jsonb NOT NULL);
            INSERT INTO events (data) SELECT jsonb_build_object('title', 'Event ' || n, 'body', 'Body ' || n, 'size', n, 'ref', 'x' || n)
            FROM   generate_series(1, 3) n;
            INSERT INTO events (data) VALUES ('[1, 2]'), ('{}');
            """);
        await using var messy = await MessyTable.Propose(
            _database, "events", "concat_ws('. ', s.data->>'title', s.data->>'body')");

        Assert.Equal("{{data->>'title'}}{. {data->>'body'}}", messy.Declared.Tables[0].Text);
        await Walk(
            messy, items: 5,
            """
            UPDATE events SET data = jsonb_set(data, '{body}', '"Another"') WHERE id = 1;
            UPDATE events SET data = jsonb_set(data, '{size}', '7') WHERE id = 2;
            UPDATE events SET data = '{"title": "Late"}' WHERE id = 5;
            """, edited: 2,
            "DELETE FROM events WHERE id = 4", left: 4);
    }

    [Fact]
    public async Task A_view_without_a_column_that_could_be_its_key()
    {
        await _database.Execute("CREATE VIEW things AS SELECT n % 2 AS part, n % 3 AS number, 'x' AS title FROM generate_series(1, 6) n");

        await using var messy = await MessyTable.Propose(_database, "things", "s.title");

        Assert.Contains(messy.Unsure, line => line.StartsWith("key: no column of the view", StringComparison.Ordinal));
        Assert.Contains("the table things has no column '…'", Assert.Single(await messy.Check()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("CREATE TABLE things (id int PRIMARY KEY, data jsonb)", "no key with a text was seen in data")]
    [InlineData("CREATE TABLE things (id int PRIMARY KEY, size int)", "has no column with text to embed")]
    [InlineData("CREATE TABLE things (at interval PRIMARY KEY, title text)", "it takes a primary key, or a unique index and NOT NULL")]
    public async Task What_cannot_be_proposed_is_said(string create, string told)
    {
        await _database.Execute(create);

        var error = await Assert.ThrowsAsync<InvalidCorpusException>(() => MessyTable.Propose(_database, "things", "s.title"));

        Assert.Contains(told, error.Message, StringComparison.Ordinal);
    }
}
