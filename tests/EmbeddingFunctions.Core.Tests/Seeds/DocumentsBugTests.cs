using EmbeddingFunctions.Cli.Search;
using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Seeds;

/// <summary>The faults of the documents' old system, by their numbers.</summary>
public sealed class DocumentsBugTests : DocumentsTest
{
    [Fact]
    public async Task D1_backfill_visits_every_document_though_the_pending_set_shrinks()
    {
        await Documents(237);

        Assert.Equal(237, (await Backfill(Request() with { PageSize = 20, BatchSize = 10 })).Counts.Embedded);

        Assert.Equal((237L, 0L, 237L), (Fake.PaidInputCount, Fake.DuplicatePaidInputs, await Embedded()));
    }

    [Fact]
    public async Task D2_an_id_to_resume_from_holds_on_every_page()
    {
        await Documents(100);

        Assert.Equal(50, (await Backfill(Request(fromId: 51) with { PageSize = 8, BatchSize = 4 })).Counts.Embedded);

        Assert.Equal((0L, 50L), (await Embedded("id < 51"), await Embedded("id >= 51")));
    }

    [Theory]
    [InlineData(1, 10)]
    [InlineData(10, 1)]
    [InlineData(11, 0)]
    public async Task D3_the_total_counts_only_what_remains(long fromId, int total)
    {
        await Documents(10);

        Assert.Equal(total, (await Engine.Get<DryRun>().Predict(Request(fromId: fromId), default)).Items);
        Assert.Equal((total, total), await Backfill(Request(fromId: fromId)) is var run ? (run.ItemsTotal, run.Counts.Embedded) : default);
    }

    [Fact]
    public async Task D4_a_dry_run_makes_no_call_and_writes_nothing()
    {
        await Documents(90);

        Assert.Equal(
            (90, 3),
            await Engine.Get<DryRun>().Predict(Request(), default) is var prediction ? (prediction.Items, prediction.Requests) : default);

        Assert.Equal((0, 0L, 0L), (Fake.RequestCount, await Embedded(), await Database.Ask<long>("SELECT count(*) FROM embedding.cache")));
    }

    [Fact]
    public async Task D5_a_bad_text_fails_alone()
    {
        await Documents(99);
        await Id("poison");
        using var bad = Fake.Script(Requests.WithInput(text => text == "poison"), Fault.BadInput());

        var run = await Backfill(Request() with { BatchSize = 100 });

        Assert.Equal((99, 1), (run.Counts.Embedded, run.Counts.Failed));
        Assert.Equal(0, Fake.DuplicatePaidInputs);
    }

    [Fact]
    public async Task D6_an_empty_document_is_not_sent()
    {
        await Documents(5);
        await Id("");
        await Id(" \n\t");

        var run = await Backfill();

        Assert.Equal((5, 2, 0), (run.Counts.Embedded, run.Counts.Empty, run.Counts.Failed));
        Assert.All(Fake.Requests, request => Assert.Equal(200, request.Status));
    }

    [Fact]
    public async Task D7_a_batch_of_long_documents_is_as_many_requests_as_the_provider_takes()
    {
        await Database.Execute(
            "INSERT INTO lovdata_documents (archive_filename, member, content) SELECT 'a', n::text, n || repeat(' paragraf', 5000) FROM "
                + "generate_series(1, 100) n");

        Assert.Equal(100, (await Backfill(Request() with { BatchSize = 100 })).Counts.Embedded);

        Assert.True(Fake.RequestCount > 1);
        Assert.All(Fake.Requests, request => Assert.Equal(200, request.Status));
    }

    [Fact]
    public async Task D7_a_batch_asks_for_no_more_inputs_than_are_wanted()
    {
        await Documents(25);
        await using var engine = new TestEngine(Database, Fake, settings => settings with { InputsPerRequest = 10 });

        Assert.Equal(3, (await engine.Get<DryRun>().Predict(Request(), default)).Requests);
        await engine.Run(Request());

        Assert.Equal([10, 10, 5], Fake.Requests.Select(request => request.InputCount));
    }

    [Fact]
    public async Task D8_a_backfill_that_embedded_nothing_is_failed()
    {
        await Documents(3);
        using var bad = Fake.Script(Requests.All, Fault.BadInput());

        Assert.Equal((RunStatus.Failed, 3), await Backfill() is var run ? (run.Status, run.Counts.Failed) : default);
    }

    [Fact]
    public async Task D9_what_is_looked_for_may_hold_any_operator()
    {
        const string Operators = "a & b | !(c) <-> 'd':* \\ \"e\"";
        await Id(Operators);
        await Documents(3);
        await Backfill();

        Assert.Equal(Operators, (await Engine.Get<SimilarItems>().ToTitle("documents", Operators, 2, default))[0].Title);
    }

    [Fact]
    public async Task D10_as_many_are_found_as_are_asked_for_by_index_too()
    {
        await Documents(300);
        await Backfill();
        // Tables this small are read whole if they may be.
        var settings = new NpgsqlConnectionStringBuilder(Database.ConnectionString)
        {
            Options = "-c enable_seqscan=off -c enable_sort=off"
        };
        await using var indexed = Hosting.Database.Open(settings.ConnectionString);
        await using var engine = new TestEngine(indexed, Fake);

        var found = await engine.Get<SimilarItems>().ToTitle("documents", "section 7 of laws.tar.bz2", 150, default);

        Assert.Equal((151, 151), (found.Count, found.DistinctBy(item => item.Id).Count()));
    }

    [Fact]
    public async Task D11_the_vectors_have_the_type_and_width_that_the_declaration_says()
    {
        await Documents(1);
        await Backfill();

        Assert.Equal(
            "vector(1536)",
            await Database.Ask<string>(
                "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'lovdata_documents'::regclass AND attname = "
                    + "'embedding'"));
        Assert.Equal(
            "double precision", await Database.Ask<string>("SELECT pg_typeof(1 - (embedding <=> embedding))::text FROM lovdata_documents"));
    }
}
