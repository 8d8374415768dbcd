namespace EmbeddingFunctions.Core.Tests.Messy;

/// <summary>Keys, names and partitions.</summary>
public sealed partial class MessyTablesTests
{
    private static readonly string[] _ticketKey = ["number", "tenantId"];
    private static readonly string[] _readingKey = ["id", "taken_at"];

    [Fact]
    public async Task A_uuid_key_and_camel_case_in_a_schema_with_a_space()
    {
        await _database.Execute(
            """
            CREATE SCHEMA "Sales Dept";
            CREATE TABLE "Sales Dept"."orderItems" (
                "itemId" uuid PRIMARY KEY DEFAULT gen_random_uuid(), "customerId" text NOT NULL DEFAULT 'c-1',
                "productName" text NOT NULL, "longNote" text, "updatedAt" timestamptz NOT NULL DEFAULT now());
            INSERT INTO "Sales Dept"."orderItems" ("productName", "longNote") VALUES ('Lamp', 'Bright'), ('Chair', NULL), ('Desk', 'Oak');
            """);
        await using var messy = await MessyTable.Propose(
            _database, "Sales Dept.orderItems", """concat_ws('. ', s."productName", s."longNote")""");

        Assert.Equal(("itemId", "updatedAt"), (messy.Declared.Tables[0].Id, messy.Declared.Tables[0].ChangedAt));
        await Walk(
            messy, items: 3,
            """
            UPDATE "Sales Dept"."orderItems" SET "longNote" = 'Comfortable' WHERE "productName" = 'Chair';
            UPDATE "Sales Dept"."orderItems" SET "customerId" = 'c-2', "updatedAt" = now();
            INSERT INTO "Sales Dept"."orderItems" ("productName") VALUES ('Shelf');
            """, edited: 2,
            """DELETE FROM "Sales Dept"."orderItems" WHERE "productName" = 'Desk'""", left: 3);
    }

    [Fact]
    public async Task A_key_of_several_columns()
    {
        await _database.Execute(
            """
            CREATE TABLE tickets (
                "tenantId" int, number int, subject text, body text, assignee text, PRIMARY KEY ("tenantId", number));
            INSERT INTO tickets SELECT n % 2, n, 'Subject ' || n, 'Body ' || n FROM generate_series(1, 6) n;
            """);
        await using var messy = await MessyTable.Propose(_database, "tickets", "s.subject || '. ' || s.body");

        Assert.Equal(_ticketKey, messy.Declared.Tables[0].Key);
        await Walk(
            messy, items: 6,
            """
            UPDATE tickets SET body = 'Another' WHERE number = 3;
            UPDATE tickets SET number = 40 WHERE number = 4;
            UPDATE tickets SET assignee = 'ann';
            """, edited: 2,
            "DELETE FROM tickets WHERE \"tenantId\" = 1", left: 3);
    }

    [Fact]
    public async Task Range_partitions_by_time_that_come_and_go()
    {
        await _database.Execute(
            """
            CREATE TABLE readings (id bigint, taken_at timestamptz, note text, PRIMARY KEY (id, taken_at)) PARTITION BY RANGE (taken_at);
            CREATE TABLE readings_1 PARTITION OF readings FOR VALUES FROM ('2026-01-01Z') TO ('2026-02-01Z');
            CREATE TABLE readings_2 PARTITION OF readings FOR VALUES FROM ('2026-02-01Z') TO ('2026-03-01Z');
            INSERT INTO readings VALUES (1, '2026-01-05Z', 'one'), (2, '2026-01-06Z', 'two'), (3, '2026-02-05Z', 'three');
            """);
        await using var messy = await MessyTable.Propose(_database, "readings", "s.note");

        Assert.Equal(_readingKey, messy.Declared.Tables[0].Key);
        await Walk(
            messy, items: 3,
            """
            UPDATE readings_1 SET note = 'first' WHERE id = 1;
            UPDATE readings SET taken_at = '2026-02-07Z' WHERE id = 2;
            CREATE TABLE readings_3 (id bigint NOT NULL, taken_at timestamptz NOT NULL, note text, PRIMARY KEY (id, taken_at));
            INSERT INTO readings_3 VALUES (4, '2026-03-05Z', 'four');
            ALTER TABLE readings ATTACH PARTITION readings_3 FOR VALUES FROM ('2026-03-01Z') TO ('2026-04-01Z');
            INSERT INTO readings_3 VALUES (5, '2026-03-06Z', 'five');
            """, edited: 4,
            """
            UPDATE readings SET note = 'edited before it goes' WHERE id = 1;
            DROP TABLE readings_1, readings_3;
            DELETE FROM readings_2 WHERE id = 3;
            CREATE TABLE readings_1 PARTITION OF readings FOR VALUES FROM ('2026-01-01Z') TO ('2026-02-01Z');
            """, left: 1);
    }

    [Fact]
    public async Task Two_corpora_on_one_table()
    {
        await _database.Execute(
            """
            CREATE TABLE articles (id int PRIMARY KEY, title text, body text);
            INSERT INTO articles SELECT n, 'Title ' || n, 'Body ' || n FROM generate_series(1, 4) n;
            """);
        await using var other = await MessyTable.Propose(_database, "articles", "s.title", declare: corpus =>
        {
            (corpus["name"], corpus["dimensions"]) = ("titles", 32);
            corpus["tables"]![0]!["text"] = "{title}";
        });
        await other.Corpus.MigrateAndRun();
        await using var messy = await MessyTable.Propose(_database, "articles", "s.title || '. ' || s.body");

        await messy.Corpus.MigrateAndRun();
        await _database.Execute("UPDATE articles SET body = 'Another' WHERE id = 1; DELETE FROM articles WHERE id = 2");

        Assert.Equal((1, 0), ((await messy.Corpus.Run()).Counts.Embedded, (await other.Corpus.Run()).Counts.Embedded));
        await messy.AssertTrue();
        await other.AssertTrue();
        await messy.Remove();
        await _database.Execute("UPDATE articles SET title = 'New' WHERE id = 3");
        Assert.Equal(1, (await other.Corpus.Run()).Counts.Embedded);
        await other.AssertTrue();
        await other.Remove();
        await other.AssertGone();
    }
}
