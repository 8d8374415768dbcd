using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Schema;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>The full-text search that a declaration asks for.</summary>
public sealed class TextSearchTests : DocumentsTest
{
    [Fact]
    public async Task Norwegian_words_are_found_in_any_form_and_as_the_text_is_now()
    {
        var id = await Id("Arbeidsgiveren skal sikre forsvarlige arbeidsforhold for sine ansatte.");

        Assert.Equal(1, await Search("arbeidsforholdene"));
        await Database.Execute("UPDATE lovdata_documents SET content = 'Om fiskeri' WHERE id = $1", id);
        Assert.Equal((0L, 1L), (await Search("arbeidsforhold"), await Search("fiskeri")));
        Assert.Contains(
            "USING gin (embedding_text_search)",
            await Database.Ask<string>("SELECT indexdef FROM pg_indexes WHERE indexname LIKE 'embedding_search_%'"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_document_of_more_words_than_Postgres_takes_is_a_document_all_the_same()
    {
        var id = await Database.Ask<long>(
            "INSERT INTO lovdata_documents (archive_filename, member, content) SELECT 'a', 'b', string_agg(md5(n::text), ' ') FROM "
                + "generate_series(1, 60000) n RETURNING id");

        Assert.Equal(1, await Database.Ask<long>("SELECT count(*) FROM lovdata_documents WHERE id = $1 AND length(content) > 1048576", id));
    }

    [Fact]
    public async Task A_lost_search_index_is_built_again_without_rewriting_the_table()
    {
        await using (await Declarations.CreateNotes(Database, 3))
        {
            await using var corpus = new DeclaredCorpus(
                Database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "{title}", textSearch = "english" }));
            await corpus.MigrateAndRun();
            var file = await Database.Ask<uint>("SELECT pg_relation_filenode('notes')::oid");
            const string FindIndex =
                "SELECT indexname::text FROM pg_indexes WHERE tablename = 'notes' AND indexname LIKE 'embedding_search%'";
            var index = await Database.Ask<string>(FindIndex);
            await Database.Execute($"DROP INDEX {index}");

            await corpus.Migrate();

            Assert.Equal(file, await Database.Ask<uint>("SELECT pg_relation_filenode('notes')::oid"));
            Assert.Equal(index, await Database.Ask<string>(FindIndex));
        }
    }

    [Theory]
    [InlineData("repeat('a-b-c-d-e-f-g-h-i-j ', 20000)")]
    [
        InlineData(
            "(SELECT string_agg(chr(66560 + n % 40) || chr(66560 + n / 40 % 40) || CASE WHEN n % 10 = 9 THEN ' ' ELSE '-' END, '') FROM "
                + "generate_series(1, 70000) n)")]
    [
        InlineData(
            "(SELECT string_agg(chr(19968 + n % 5000) || chr(19968 + n / 5000 * 7) || CASE WHEN n % 10 = 9 THEN ' ' ELSE '-' END, '') "
                + "FROM generate_series(1, 70000) n)")]
    public async Task No_text_is_too_long_for_the_words_of_its_search(string text)
    {
        await using (await Declarations.CreateNotes(Database, 1))
        {
            await using var corpus = new DeclaredCorpus(
                Database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "{title}", textSearch = "simple" }));
            await corpus.Migrate();

            await Database.Execute($"INSERT INTO notes (title) SELECT {text}");

            Assert.Equal(2, await Database.Ask<long>("SELECT count(*) FROM notes"));
        }
    }

    [Fact]
    public async Task It_follows_the_declaration_and_is_not_made_again_without_need()
    {
        await Database.Execute(
            "CREATE TABLE notes (id int PRIMARY KEY, title text, body varchar(50)); INSERT INTO notes VALUES (1, 'Running', 'houses')");
        await Migrate("english");
        Assert.Equal(1, await Search("run house", "notes", "english"));
        var made = await Database.Ask<uint>("SELECT pg_relation_filenode('notes')::oid");
        await Migrate("english");
        Assert.Equal(made, await Database.Ask<uint>("SELECT pg_relation_filenode('notes')::oid"));

        await Migrate("simple");
        Assert.Equal(0, await Search("run", "notes", "simple"));
        Assert.Equal(
            1,
            await Database.Ask<long>("SELECT count(*) FROM pg_indexes WHERE tablename = 'notes' AND indexname LIKE 'embedding_search_%'"));

        await Migrate(null);
        Assert.Equal(
            0,
            await Database.Ask<long>(
                "SELECT count(*) FROM pg_attribute WHERE attrelid = 'notes'::regclass AND attname = 'embedding_text_search'"));
        Assert.Contains(
            "klingon", (await Assert.ThrowsAsync<DatabaseNotReadyException>(() => Migrate("klingon"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Down_takes_it_away()
    {
        await Documents(1);
        var removal = Engine.Get<CorpusRemoval>();

        Assert.Contains(
            "embedding_text_search",
            Assert.Single(await removal.Plan("documents", default), line => line.Contains("columns", StringComparison.Ordinal)),
            StringComparison.Ordinal);
        await removal.Remove("documents", null, default);

        Assert.Equal(["archive_filename", "content", "created_at", "document_date", "id", "member", "title", "updated_at"],
            (
                await Database.Rows("SELECT attname::text FROM pg_attribute WHERE attrelid = 'lovdata_documents'::regclass AND attnum > 0 "
                    + "AND NOT attisdropped ORDER BY 1")).Select(row => row[0]));
    }

    private async Task Migrate(string? language)
    {
        await using var corpus = new DeclaredCorpus(Database.Source, new
        {
            name = "notes",
            dimensions = 16,
            tables = new[] { new { kind = "note", table = "notes", text = "{title} {body}", textSearch = language } },
        });
        await corpus.Migrate(yes: language is null);
    }

    private Task<long> Search(string words, string table = "lovdata_documents", string language = "norwegian") =>
        Database.Ask<long>($"SELECT count(*) FROM {table} WHERE embedding_text_search @@ websearch_to_tsquery('{language}', $1)", words);
}
