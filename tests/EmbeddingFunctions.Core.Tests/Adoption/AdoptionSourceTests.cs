using EmbeddingFunctions.Adoption;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Adoption;

/// <summary>Where other programs keep vectors, and how the key of an item is found there.</summary>
public sealed class AdoptionSourceTests : AdoptionTest
{
    private const string LangChain = "langchain_pg_embedding.embedding";

    private static readonly string[] _pageKey = ["tenant", "path"];

    [Theory]
    [InlineData("table", "cmetadata->>'note'")]
    [InlineData("table", "cmetadata->'row'->>'id'")]
    [InlineData("column", "custom_id")]
    public async Task LangChains_table_by_a_column_or_a_value_of_its_metadata(string store, string key)
    {
        await AddNotes(10);
        await MakeLangChain();
        await Migrate(store, Notes());

        var adopted = await Adopt(
            Request(LangChain) with
            {
                Key = [key],
                Where = new Dictionary<string, string> { ["collection_id"] = "00000001-0000-0000-0000-000000000000" },
            });

        Assert.Equal(10, adopted.Items);
        Assert.Equal(0, await Embedded());
    }

    [Fact]
    public async Task Two_vectors_of_one_key_are_left_out()
    {
        await AddNotes(10);
        await MakeLangChain();
        await Migrate("table", Notes());

        var plan = await Examine(Request(LangChain) with { Key = ["custom_id"] });

        Assert.Equal((0, 10), (plan.Items, Count(plan.LeftOut, LeftOutReason.SeveralVectors)));
    }

    [Theory]
    [InlineData("table")]
    [InlineData("column")]
    public async Task The_store_of_pgai_gives_the_vector_of_a_row_that_is_one_chunk(string store)
    {
        await AddNotes(10);
        await MakePgai();
        await Migrate(store, Notes());

        var adopted = await Adopt(Request("public.notes_embedding_store.embedding"));

        Assert.Equal((9, 1), (adopted.Items, Count(adopted.LeftOut, LeftOutReason.SeveralVectors)));
        Assert.Equal(1, await Embedded());
    }

    [Fact]
    public async Task Another_database_is_read_and_named_without_user_or_password()
    {
        await AddNotes(10);
        var other = Keep(await TestDatabase.Empty());
        await other.Execute("""CREATE EXTENSION vector; CREATE SCHEMA "old data"; CREATE TABLE "old data"."Note.s" (id text, "Vec" vector(8))""");
        foreach (var row in await Database.Rows("SELECT id::text, old::real[] FROM notes"))
        {
            await other.Execute("""INSERT INTO "old data"."Note.s" VALUES ($1, $2::real[]::vector)""", row);
        }

        await Database.Execute("ALTER TABLE notes DROP old");
        await Migrate("table", Notes());
        var adopted = await Adopt(
            Request("old data.\"Note.s\".\"Vec\"") with { Database = new SourceDatabase(other.Source, "archive on elsewhere:5432") });

        Assert.Equal(10, adopted.Items);
        Assert.Equal(
            "old data.\"Note.s\".Vec of archive on elsewhere:5432", await Database.Ask<string>("SELECT source FROM embedding.adoptions"));
    }

    [Fact]
    public async Task A_key_of_several_columns_is_compared_column_by_column()
    {
        await AddNotes(10);
        await Database.Execute(
            """
            CREATE TABLE pages (tenant uuid, path text, body text, PRIMARY KEY (tenant, path));
            INSERT INTO pages SELECT md5((id % 2)::text)::uuid, '/"p,' || id, title FROM notes;
            CREATE TABLE vectors AS SELECT md5((id % 2)::text)::uuid AS of_tenant, '/"p,' || id AS at_path, old AS v FROM notes;
            """);
        await Migrate("table", new { kind = "page", table = "pages", key = _pageKey, text = "{body}" });

        Assert.Equal(10, (await Adopt(Request("vectors.v") with { Key = ["of_tenant", "at_path"] })).Items);
    }

    [Theory]
    [InlineData("note.old", "There is no table 'note' in this database")]
    [InlineData("notes.olt", "--from: notes has no column 'olt': do you mean 'old'?")]
    [InlineData("notes.hits", "notes.hits is of type integer; a column of vectors is of the type vector, halfvec")]
    [InlineData(LangChain, "langchain_pg_embedding has no column id, the key of note: say what has it there, --key")]
    public async Task What_cannot_be_read_is_refused_with_what_to_say(string from, string told)
    {
        await MakeLangChain();
        await Migrate("table", Notes());

        var refusal = await Assert.ThrowsAnyAsync<CorpusException>(() => Examine(Request(from)));

        Assert.Contains(told, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("notes", "not 'notes'")]
    [InlineData("a.b.c.d", "not 'a.b.c.d'")]
    [InlineData("postgres://user:secret@host/db#notes.old", "is given by --from-database")]
    public void A_source_of_another_form_is_refused(string from, string told)
    {
        var refusal = Assert.Throws<InvalidCorpusException>(() => ColumnName.Parse(from));

        Assert.Contains(told, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", refusal.Message, StringComparison.Ordinal);
    }

    // Two collections, of which the first has the vectors of the titles.
    private Task MakeLangChain() => Database.Execute(
        """
        CREATE TABLE langchain_pg_embedding (
            uuid uuid PRIMARY KEY DEFAULT gen_random_uuid(), collection_id uuid, embedding vector, document varchar, cmetadata jsonb,
            custom_id varchar);
        INSERT INTO langchain_pg_embedding (collection_id, embedding, document, cmetadata, custom_id)
        SELECT ('0000000' || c || '-0000-0000-0000-000000000000')::uuid, CASE c WHEN 1 THEN old ELSE '[1,1,1,1,1,1,1,1]' END, title,
               jsonb_build_object('note', id, 'row', jsonb_build_object('id', id)), id::text
        FROM   notes, generate_series(1, 2) c
        """);

    // One note has two chunks.
    private Task MakePgai() => Database.Execute(
        """
        CREATE TABLE notes_embedding_store (
            embedding_uuid uuid PRIMARY KEY DEFAULT gen_random_uuid(), id int NOT NULL REFERENCES notes ON DELETE CASCADE,
            chunk_seq int NOT NULL, chunk text NOT NULL, embedding vector(8) NOT NULL, UNIQUE (id, chunk_seq));
        INSERT INTO notes_embedding_store (id, chunk_seq, chunk, embedding)
        SELECT id, s, title, old FROM notes, generate_series(0, CASE id WHEN 4 THEN 1 ELSE 0 END) s
        """);
}
