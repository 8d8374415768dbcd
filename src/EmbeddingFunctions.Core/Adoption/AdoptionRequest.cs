namespace EmbeddingFunctions.Adoption;

/// <summary>What a person asks to be adopted.</summary>
/// <param name="From">The column with the vectors.</param>
/// <param name="Model">Which model they are of: it must be the corpus's.</param>
/// <param name="Sample">How many items are embedded to compare; at least 1.</param>
internal sealed record AdoptionRequest(string Corpus, ColumnName From, string Model, int Sample)
{
    /// <summary>Null: the corpus's only kind, or the one whose table the column is in.</summary>
    public string? Kind { get; init; }

    /// <summary>
    /// What has the key of an item in the source's rows, in the order of the key: columns, or values in json as a template names them.
    /// None: columns of the key's own names.
    /// </summary>
    public IReadOnlyList<string> Key { get; init; } = [];

    /// <summary>Only rows of the source with these values, by column.</summary>
    public IReadOnlyDictionary<string, string> Where { get; init; } = new Dictionary<string, string>();

    /// <summary>The source's column with the text of each vector, for a corpus that embeds in chunks; null: one of a known name.</summary>
    public string? Text { get; init; }

    /// <summary>Where the column is; null: in the corpus's own database.</summary>
    public SourceDatabase? Database { get; init; }
}

/// <param name="Name">Its name and server, without user and password.</param>
internal sealed record SourceDatabase(Npgsql.NpgsqlDataSource Connections, string Name);
