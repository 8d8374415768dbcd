namespace EmbeddingFunctions.Corpora;

/// <summary>Declares a <see cref="CorpusTable"/>.</summary>
public sealed class TableBuilder
{
    private CorpusTable _table;

    // As 'embeddings corpus init' names it: the table's name without its schema.
    internal TableBuilder(string table) =>
        _table = new CorpusTable { Table = table, Kind = table[(table.LastIndexOf('.') + 1)..].ToLowerInvariant(), Text = "" };

    /// <summary>What is embedded: words and columns, such as <c>{headline}. {body}</c>; docs/corpora.md explains optional parts.</summary>
    public TableBuilder Text(string template) => With(table => table with { Text = template });

    /// <summary>What an item of the table is called; the table's name without its schema unless declared.</summary>
    public TableBuilder Kind(string kind) => With(table => table with { Kind = kind });

    /// <summary>The column that identifies a row, of type uuid, bigint, integer or text; <c>id</c> unless declared.</summary>
    public TableBuilder Id(string column) => With(table => table with { Id = column });

    /// <summary>The column that holds the vector; <c>embedding</c> unless declared. A migration creates it.</summary>
    public TableBuilder Vector(string column) => With(table => table with { Vector = column });

    /// <summary>The column that says when the row last changed: the newest rows go first.</summary>
    public TableBuilder ChangedAt(string column) => With(table => table with { ChangedAt = column });

    /// <summary>Only rows whose column has this value are embedded.</summary>
    /// <param name="column">The column.</param>
    /// <param name="value">As Postgres reads it from text.</param>
    public TableBuilder Where(string column, string value) =>
        With(table => table with { Filter = [.. table.Filter, new ColumnFilter { Column = column, EqualTo = value }] });

    /// <summary>Only rows without a value in the column, such as <c>deleted_at</c>, are embedded.</summary>
    public TableBuilder WhereNull(string column) =>
        With(table => table with { Filter = [.. table.Filter, new ColumnFilter { Column = column, IsNull = true }] });

    /// <summary>Embeds long texts in chunks, which a table of their own keeps; the row's vector is their mean.</summary>
    public TableBuilder Chunks(string table, int maxTokens = 800, int overlapTokens = 80) => With(declared => declared with
    {
        LongText = LongText.Chunk,
        Chunks = new Chunks { Table = table, MaxTokens = maxTokens, OverlapTokens = overlapTokens },
    });

    /// <summary>Anything else that a table may declare: <c>t.With(table => table with { Priority = 2 })</c>.</summary>
    public TableBuilder With(Func<CorpusTable, CorpusTable> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        _table = change(_table);
        return this;
    }

    internal CorpusTable Build() => _table;
}
