using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Core.Tests.Corpora;

public sealed class CorpusRulesTests
{
    private static readonly CorpusTable _table = new() { Kind = "note", Table = "notes", Text = "{title}" };
    private static readonly Corpus _corpus = new() { Name = "notes", Dimensions = 16, Store = Store.Column, Tables = [_table] };
    private static readonly ActivePartitions _partitions = new() { Table = "tenants", Column = "id" };

    [Theory]
    [InlineData(VectorType.Vector, 1, true)]
    [InlineData(VectorType.Vector, 2_000, true)]
    [InlineData(VectorType.Vector, 2_001, false)]
    [InlineData(VectorType.HalfVec, 4_000, true)]
    [InlineData(VectorType.HalfVec, 4_001, false)]
    [InlineData(VectorType.Vector, 0, false)]
    [InlineData(VectorType.Vector, -1, false)]
    public void Dimensions_are_those_that_an_index_takes(VectorType type, int dimensions, bool isFine)
    {
        var errors = Check(_corpus with { VectorType = type, Dimensions = dimensions });

        Assert.Equal(
            isFine
                ? []
                : [
                    $"notes: dimensions is {dimensions}; an index on this vectorType takes 1 to "
                        + $"{(type == VectorType.Vector ? 2_000 : 4_000)}"],
            errors);
    }

    [Theory]
    [InlineData(10_000)]
    [InlineData(1)]
    public void Numbers_have_bounds(int pageSize) => Assert.Empty(Check(_corpus with { PageSize = pageSize }));

    [Fact]
    public void Numbers_out_of_bounds_are_all_reported_at_once()
    {
        var errors = Check(
            _corpus with { PageSize = 0, BatchSize = 2_049, LanesPerPartition = -1, StartsPerMinute = 0, MaxCharacters = 10_000_001 });

        Assert.Equal(
            [
                "notes: pageSize is 0; it takes 1 to 10000", "notes: batchSize is 2049; it takes 1 to 2048",
                "notes: lanesPerPartition is -1; it takes 1 to 1000",
                "notes: startsPerMinute is 0; it takes 1 to 10000", "notes: maxCharacters is 10000001; it takes 1 to 10000000",
            ],
            errors);
    }

    [Theory]
    [InlineData(50, 0, true)]
    [InlineData(50, 25, true)]
    [InlineData(8_191, 4_095, true)]
    [InlineData(49, 0, false)]
    [InlineData(8_192, 0, false)]
    [InlineData(50, 26, false)]
    [InlineData(50, -1, false)]
    public void Chunks_have_bounds(int maxTokens, int overlapTokens, bool isFine)
    {
        var chunks = new Chunks { Table = "note_chunks", MaxTokens = maxTokens, OverlapTokens = overlapTokens };

        Assert.Equal(isFine, Check(_corpus with { Tables = [_table with { LongText = LongText.Chunk, Chunks = chunks }] }).Count == 0);
    }

    [Fact]
    public void What_is_said_of_long_texts_goes_together()
    {
        const string Together =
            "notes: note: longText 'chunk' needs chunks and no other longText takes them: \"chunks\": { \"table\": \"article_chunks\" }";
        var chunks = new Chunks { Table = "note_chunks" };
        var chunked = _table with { LongText = LongText.Chunk, Chunks = chunks };

        Assert.Equal(
            [Together], Check(_corpus with { Tables = [chunked with { Chunks = null }] }));
        Assert.Equal(
            [Together], Check(_corpus with { Tables = [_table with { Chunks = chunks }] }));
        Assert.Single(Check(_corpus with { Tables = [chunked with { Chunks = chunks with { Table = "notes" } }] }));
        Assert.Equal(
            ["notes: note and memo both keep chunks in 'note_chunks': give each table its own"],
            Check(_corpus with { Tables = [chunked, chunked with { Kind = "memo", Table = "memos" }] }));
    }

    [Fact]
    public void Names_to_choose_by_are_short_words_with_a_column()
    {
        var names = new Dictionary<string, string> { ["archive"] = "archive_filename", ["The year"] = "year", ["empty"] = "" };
        Assert.Equal(2, Check(_corpus with { Tables = [_table with { Where = names }] }).Count);
    }

    [Theory]
    [InlineData("a", true)]
    [InlineData("a-b_c9", true)]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true)]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false)]
    [InlineData("", false)]
    [InlineData("Notes", false)]
    [InlineData("9a", false)]
    [InlineData("a b", false)]
    [InlineData("a\n", false)]
    [InlineData("a';--", false)]
    public void Names_are_short_words(string name, bool isFine)
    {
        Assert.Equal(isFine, Check(_corpus with { Name = name }).Count == 0);
        Assert.Equal(isFine, Check(_corpus with { Tables = [_table with { Kind = name }] }).Count == 0);
    }

    [Fact]
    public void There_must_be_a_corpus_and_a_table()
    {
        Assert.Equal(["there is no corpus"], Check());
        Assert.Equal(["notes: it has no tables"], Check(_corpus with { Tables = [] }));
    }

    [Fact]
    public void Two_corpora_may_not_share_a_name_a_table_a_view_or_the_cache()
    {
        var corpus = _corpus with { SimilarityCache = true, PendingView = new() { Name = "pending" } };

        Assert.Equal(
            [
                "two corpora are called 'notes'", "two corpora have the table 'notes': a row holds one vector",
                "two corpora keep a similarity_cache", "two corpora have the view 'pending'"],
            Check(corpus, corpus));
        Assert.Empty(Check(corpus, _corpus with { Name = "others", Tables = [_table with { Table = "others" }] }));
    }

    [Fact]
    public void Two_tables_may_not_share_a_kind() =>
        Assert.Equal(
            ["notes: two tables have the kind 'note'"], Check(_corpus with { Tables = [_table, _table with { Table = "others" }] }));

    [Fact]
    public void Two_kinds_may_share_a_table_if_filters_tell_them_apart()
    {
        var memo = _table with { Kind = "memo", Filter = [new() { Column = "type", EqualTo = "memo" }] };
        var note = _table with { Filter = [new() { Column = "type", EqualTo = "note" }] };

        Assert.Empty(Check(_corpus with { Tables = [note, memo] }));
        Assert.Empty(Check(_corpus with { Tables = [note, memo with { Filter = [new() { Column = "type", IsNull = true }] }] }));
        Assert.Equal(
            ["notes: note and memo are both in the table 'notes': give each a filter on the same column, for another value"],
            Check(_corpus with { Tables = [_table, memo] }));
        Assert.Single(Check(_corpus with { Tables = [note, memo with { Filter = note.Filter }] }));
    }

    [Fact]
    public void Two_kinds_may_not_share_a_row()
    {
        static ColumnFilter Is(string column) => new() { Column = column, EqualTo = "true" };
        var issue = _table with { Kind = "issue", Filter = [Is("is_issue")] };

        Assert.Single(Check(_corpus with { Tables = [issue, _table with { Filter = [Is("is_note")] }] }));
        Assert.Single(Check(_corpus with { Tables = [issue, _table with { Filter = [Is("is_issue"), Is("is_note")] }] }));
        Assert.Empty(
            Check(
                _corpus with
                {
                    Tables = [issue, _table with { Filter = [new() { Column = "is_issue", EqualTo = "false" }, Is("is_note")] }]
                }));
    }

    [Fact]
    public void Partitions_are_declared_with_their_columns_or_not_at_all()
    {
        Assert.Equal(
            ["notes: note: partitions are declared, so the table needs a partition column"],
            Check(_corpus with { Partitions = _partitions }));
        Assert.Equal(
            ["notes: note: it has a partition column, but the corpus does not say in 'partitions' which may embed"],
            Check(_corpus with { Tables = [_table with { Partition = "tenant" }] }));
        Assert.Empty(Check(_corpus with { Partitions = _partitions, Tables = [_table with { Partition = "tenant" }] }));
    }

    [Theory]
    [InlineData("id")]
    [InlineData("item_type")]
    [InlineData("priority_score")]
    [InlineData("content_hash")]
    public void A_view_has_no_column_twice(string column) =>
        Assert.Equal(
            [$"notes: the pendingView would have the column '{column}' twice"],
            Check(_corpus with { PendingView = new() { Name = "pending", Columns = [column] } }));

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(31, true)]
    [InlineData(32, false)]
    public void A_views_name_is_not_cut_by_postgres(int letters, bool isFine) =>
        Assert.Equal(isFine, Check(_corpus with { PendingView = new() { Name = new string('é', letters) } }).Count == 0);

    [Theory]
    [InlineData(2, 4, true)]
    [InlineData(100, 1_000, true)]
    [InlineData(16, 32, true)]
    [InlineData(16, 31, false)]
    [InlineData(1, 64, false)]
    [InlineData(101, 1_000, false)]
    [InlineData(2, 3, false)]
    [InlineData(16, 1_001, false)]
    public void An_index_is_one_that_pgvector_builds(int m, int efConstruction, bool isFine) =>
        Assert.Equal(isFine, Check(_corpus with { Index = new() { M = m, EfConstruction = efConstruction } }).Count == 0);

    [Theory]
    [InlineData("5 minutes", 300)]
    [InlineData("30 seconds", 30)]
    [InlineData("1 hour", 3_600)]
    [InlineData("2 weeks", 1_209_600)]
    [InlineData("0 minutes", null)]
    [InlineData("5min", null)]
    [InlineData("5 minutes\n", null)]
    public void How_long_an_edit_may_wait_is_a_time(string freshness, int? seconds)
    {
        var corpus = _corpus with { Freshness = freshness };

        Assert.Equal(seconds, (int?)corpus.MaxLag?.TotalSeconds);
        Assert.Equal(
            seconds is not null ? [] : [$"notes: freshness is '{freshness}'; it takes a time like '5 minutes', '30 seconds' or '1 hour'"],
            Check(corpus));
    }

    [Theory]
    [InlineData("7 days", true)]
    [InlineData("1 hour", true)]
    [InlineData("2 weeks", true)]
    [InlineData("0 days", false)]
    [InlineData("7d", false)]
    [InlineData("7 days'; --", false)]
    [InlineData("7 days\n", false)]
    public void What_the_schedule_leaves_is_reported_by_a_time_and_a_column(string time, bool isFine)
    {
        var corpus = _corpus with { Scheduled = new() { NewerThan = time }, Tables = [_table with { CreatedAt = "made" }] };

        Assert.Equal(
            isFine ? [] : [$"notes: scheduled.newerThan is '{time}'; it takes a time like '7 days', '12 hours' or '2 weeks'"],
            Check(corpus));
        Assert.Contains("so the table needs a createdAt column", Check(corpus with { Tables = [_table] })[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(null, true)]
    public void A_scheduled_run_takes_at_least_one_item(int? limit, bool isFine) =>
        Assert.Equal(isFine, Check(_corpus with { Scheduled = new() { Limit = limit } }).Count == 0);

    [Fact]
    public void A_faulty_text_is_reported_with_its_kind() =>
        Assert.Equal(
            ["notes: note: the text '{title' does not close a brace"], Check(_corpus with { Tables = [_table with { Text = "{title" }] }));

    private static List<string> Check(params Corpus[] corpora) => CorpusRules.Check(corpora).Select(fault => fault.Message).ToList();
}
