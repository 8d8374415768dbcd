using System.Text.Json.Nodes;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>Vectors of other programs are adopted, as typed.</summary>
public sealed class AdoptTests : CorpusTest
{
    private const string Model = "text-embedding-3-small";
    private const string Pgai = "blog.articles_embedding_store.embedding";
    private const int Articles = 20;

    [Theory]
    [InlineData("table")]
    [InlineData("column")]
    public async Task Existing_vectors_of_two_other_tools_from_the_first_look_to_the_removal(string store)
    {
        await TwoOtherTools();
        var program = await Declare(store);
        var before = await Contents();

        Assert.Contains("ok   articles", (await program.Run("corpus", "check")).Exits(0).Out, StringComparison.Ordinal);
        (await program.Run("migrate", "articles")).Exits(0)
            .Says($"10 vectors are there in blog.articles_embedding_store.embedding, made by another program: if they are of '{Model}', "
                + $"'embeddings adopt articles --from blog.articles_embedding_store.embedding --model {Model}' takes them over")
            .Says($"10 vectors are there in public.langchain_pg_embedding.embedding").Says("--key \"cmetadata->>'id'\"");
        var predicted = (await program.Run("backfill", "articles", "--dry-run", "--json")).Exits(0);
        Assert.Equal((Articles, 2), (predicted.Number("items"), predicted.Json.GetProperty("existing").GetArrayLength()));

        string[] langChain = ["--from", "langchain_pg_embedding.embedding", "--key", "cmetadata->>'id'"];
        Assert.Equal(10, (await Adopt(program, [.. langChain, "--yes", "--json"])).Exits(0).Number("adopted"));
        var pgai = (await Adopt(program, "--from", Pgai, "--yes")).Exits(0).Out;
        Assert.Contains("Adopted 10 vectors of blog.articles_embedding_store.embedding", pgai, StringComparison.Ordinal);

        var requests = Fake.RequestCount;
        Assert.Equal(0, (await program.Run("backfill", "articles", "--dry-run", "--json")).Exits(0).Number("requests"));
        Assert.Equal(0, (await program.Run("backfill", "articles", "--json")).Exits(0).Number("embedded"));
        Assert.Equal(requests, Fake.RequestCount);
        var status = (await program.Run("status", "articles")).Exits(0).Out;
        Assert.Contains("100.00%", status, StringComparison.Ordinal);
        Assert.Contains($"      10 article: public.langchain_pg_embedding.embedding, {Model}, ", status, StringComparison.Ordinal);

        await Target.Execute("UPDATE blog.articles SET title = 'edited' WHERE id = 105");
        Assert.Equal(1, (await program.Run("backfill", "articles", "--json")).Exits(0).Number("embedded"));
        Assert.Equal(requests + 1, Fake.RequestCount);
        (await program.Run("migrate", "articles", "--down", "--yes")).Exits(0);
        Assert.Equal(0, await Target.Ask<long>("SELECT count(*) FROM embedding.adoptions"));
        await Target.Execute("UPDATE blog.articles SET title = 'article 105' WHERE id = 105");
        Assert.Equal(before, await Contents());
    }

    [Fact]
    public async Task Without_yes_it_says_what_it_would_do_and_pays_for_the_sample_once()
    {
        await TwoOtherTools();
        var program = await Declare("table");
        (await program.Run("migrate", "articles")).Exits(0);

        var told = (await Adopt(program, "--from", Pgai, "--sample", "4")).Exits(2)
            .Says("10 vectors of blog.articles_embedding_store.embedding would be adopted by article of 'articles' as vectors of " + Model)
            .Says("a sample of 4 was embedded (1 requests, ").Says("cosine 1.0 at least").Says("  - 10 have no vector in the source")
            .Says("Say --yes to do it.");
        Assert.Empty(told.Out);
        Assert.Equal(0, await Embedded());

        (await Adopt(program, "--from", Pgai, "--sample", "4", "--yes")).Exits(0);
        Assert.Equal((10L, 1), (await Embedded(), Fake.RequestCount));
    }

    [Theory]
    [InlineData("y", 0, 10)]
    [InlineData("n", 2, 0)]
    public async Task On_a_terminal_it_asks(string answer, int exitCode, long adopted)
    {
        await TwoOtherTools();
        var program = await Declare("table");
        (await program.Run("migrate", "articles")).Exits(0);

        await using var asked = program.Set("TERM", "xterm").StartOther(
            "sh", "-c",
            $"echo {answer} | /usr/bin/script -qefc '{{program}} adopt articles --from {Pgai} --model {Model}' /dev/null");

        Assert.Contains("Adopt them? (y/N)", (await asked.Ended()).Exits(exitCode).Out, StringComparison.Ordinal);
        Assert.Equal(adopted, await Embedded());
    }

    [Fact]
    public async Task Vectors_of_another_model_are_refused_with_the_distribution_of_the_sample()
    {
        await TwoOtherTools("text-embedding-ada-002");
        var program = await Declare("table");
        (await program.Run("migrate", "articles")).Exits(0);

        (await Adopt(program, "--from", Pgai, "--yes")).Exits(1)
            .Says("5th percentile").Says("median")
            .Says("Nothing was adopted: every cosine must be 0.999 or more. The least alike: article:1");

        Assert.Equal(0, await Embedded());
        (await program.Run("adopt", "articles", "--from", Pgai, "--model", "text-embedding-ada-002"))
            .Exits(2).Says($"The model of the corpus 'articles' is '{Model}'");
    }

    [Fact]
    public async Task A_column_that_was_taken_over_keeps_its_vectors()
    {
        await TwoOtherTools();
        await Target.Execute(
            """
            ALTER TABLE blog.articles ADD embedding vector(1536);
            UPDATE blog.articles a SET embedding = l.embedding FROM langchain_pg_embedding l WHERE cmetadata->>'id' = a.id::text;
            """);
        var program = await Declare("column");

        (await program.Run("migrate", "articles")).Exits(2)
            .Says($"'embeddings adopt articles --from blog.articles.embedding --model {Model}' takes them over");
        (await program.Run("migrate", "articles", "--take-over")).Exits(0).Says("10 vectors are there in blog.articles.embedding");
        Assert.Equal(10, (await Adopt(program, "--from", "blog.articles.embedding", "--yes", "--json")).Exits(0).Number("adopted"));

        Assert.Equal(10, (await program.Run("backfill", "articles", "--json")).Exits(0).Number("embedded"));
        Assert.Equal(10, await Target.Ask<long>(
            "SELECT count(*) FROM blog.articles a JOIN langchain_pg_embedding l USING (embedding) WHERE cmetadata->>'id' = a.id::text"));
    }

    [Fact]
    public async Task Killed_half_way_it_goes_on_and_nothing_is_sent_for_what_it_did()
    {
        await TwoOtherTools();
        await Target.Execute(
            """
            ALTER TABLE blog.articles ADD old vector(1536);
            UPDATE blog.articles a SET old = l.embedding FROM langchain_pg_embedding l WHERE cmetadata->>'id' = a.id::text;
            INSERT INTO blog.articles (id, title, old)
                SELECT n, 'article 101', old FROM blog.articles, generate_series(200, 600) n WHERE id = 101;
            CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END $$;
            """);
        var program = await Declare("column");
        (await program.Run("migrate", "articles")).Exits(0);
        await Target.Execute("CREATE TRIGGER slow BEFORE UPDATE ON blog.articles FOR EACH ROW EXECUTE FUNCTION slow()");
        string[] command = ["adopt", "articles", "--from", "blog.articles.old", "--model", Model, "--yes"];
        await using (var running = program.Start(command))
        {
            await Waiting.Until(async () => await Target.Ask<long>("SELECT count(embedding) FROM blog.articles") > 0);
            await running.Kill();
        }

        Assert.InRange(await Target.Ask<long>("SELECT count(embedding) FROM blog.articles"), 1, 410);
        await Target.Execute("DROP TRIGGER slow ON blog.articles");
        (await program.Run(command)).Exits(0);
        Assert.Equal(411, await Target.Ask<long>("SELECT vectors FROM embedding.adoptions WHERE finished_at IS NOT NULL"));
        var paid = Fake.PaidInputCount;

        Assert.Equal(10, (await program.Run("backfill", "articles", "--json")).Exits(0).Number("embedded"));
        Assert.Equal(10, Fake.PaidInputCount - paid);
    }

    private static Task<Result> Adopt(Program program, params string[] options) =>
        program.Run(["adopt", "articles", "--model", Model, .. options]);

    private Task<long> Embedded() => Target.Ask<long>("SELECT count(embedding) FROM embedding.vectors_articles_article");

    private Task<string?> Contents() => Target.Ask<string>(
        "SELECT string_agg(a::text, ';' ORDER BY id) || (SELECT string_agg(l::text, ';' ORDER BY l::text) FROM langchain_pg_embedding l) "
            + "FROM blog.articles a");

    /// <summary>Twenty articles: LangChain has the vectors of the first ten, pgai those of the others.</summary>
    private async Task TwoOtherTools(string model = Model)
    {
        await Target.Execute(
            """
            CREATE EXTENSION vector;
            DELETE FROM blog.articles;
            INSERT INTO blog.articles (id, title) SELECT n, 'article ' || n FROM generate_series(101, 120) n;
            CREATE TABLE langchain_pg_embedding (
                uuid uuid PRIMARY KEY, collection_id uuid, embedding vector, document varchar, cmetadata jsonb);
            CREATE TABLE blog.articles_embedding_store (
                embedding_uuid uuid PRIMARY KEY DEFAULT gen_random_uuid(), id bigint NOT NULL, chunk_seq int NOT NULL, chunk text NOT NULL,
                embedding vector(1536) NOT NULL, UNIQUE (id, chunk_seq));
            """);
        foreach (var id in Enumerable.Range(101, Articles))
        {
            var vector = FakeVector.Of($"article {id}", model, 1536);
            await Target.Execute(
                id <= 110
                    ? "INSERT INTO langchain_pg_embedding SELECT gen_random_uuid(), NULL, $2::real[]::vector, 'article', "
                        + "jsonb_build_object('id', $1::int)"
                    : "INSERT INTO blog.articles_embedding_store (id, chunk_seq, chunk, embedding) VALUES ($1, 0, 'article', "
                        + "$2::real[]::vector)",
                id, vector);
        }
    }

    /// <summary>The declaration that <c>corpus init</c> proposes, with the store of the test and the usual column.</summary>
    private async Task<Program> Declare(string store)
    {
        (await Run("corpus", "init", "blog.articles", "--output", Declared)).Exits(0);
        var declaration = JsonNode.Parse(await File.ReadAllTextAsync(Declared))!;
        declaration["corpora"]![0]!["store"] = store;
        declaration["corpora"]![0]!["tables"]![0]!["vector"] = "embedding";
        await File.WriteAllTextAsync(Declared, declaration.ToJsonString());
        return Program().Set("CORPORA_FILE", Declared);
    }
}
