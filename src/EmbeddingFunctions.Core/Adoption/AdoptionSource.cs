using System.Text.Json;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Adoption;

/// <summary>The column with the vectors, in whatever database, and the SQL that reads the vectors of some items.</summary>
internal sealed class AdoptionSource
{
    private const int NamesOfKey = 8;

    private static readonly string[] _types =
    [
        "vector", "halfvec", "real[]", "double precision[]", "numeric[]", "text", "character varying", "json", "jsonb",
    ];

    // pgai's and LangChain's names.
    private static readonly string[] _texts = ["chunk", "document"];

    private static readonly string[] _integers = ["smallint", "integer", "bigint"];

    private readonly NpgsqlDataSource _database;
    private readonly SourceDatabase? _other;
    private readonly CatalogueTable _found;
    private readonly string _column;
    private readonly IReadOnlyList<SqlText> _isKey;
    private readonly SqlText _where;
    private readonly SqlText _text;
    private readonly bool _isVector;

    private AdoptionSource(AdoptionRequest request, NpgsqlDataSource own, ResolvedTable table, CatalogueTable found)
    {
        (_database, _other, _found, _column) = (request.Database?.Connections ?? own, request.Database, found, request.From.Column);
        _isVector = found.Columns[_column].Type is "vector" or "halfvec";
        _isKey = Keys(request, table, found).Select((name, i) => IsKey(table, found, name, i)).ToList();
        _where = Sql.Join("", request.Where.Select(where => Where(found, where.Key, where.Value)));
        _text = table.Chunks is null ? Sql.Of($"NULL::text") : Sql.Of($"s.{Sql.Identifier(TextColumn(request, table, found))}::text");
    }

    /// <summary>For people and records: without user and password.</summary>
    public string Name => $"{ColumnName.Of(_found.Schema, _found.Name, _column)}{(_other is null ? "" : $" of {_other.Name}")}";

    /// <exception cref="CorpusException">It cannot be read, lacks a column, or holds no vectors.</exception>
    public static async Task<AdoptionSource> Find(
        AdoptionRequest request, NpgsqlDataSource own, ResolvedTable table, CancellationToken cancellation)
    {
        var database = request.Database?.Connections ?? own;
        var name = request.From.Table;
        var tables = await Reading(request.Database, () => new Catalogue(database).Find([name], cancellation));
        if (!tables.TryGetValue(name, out var found))
        {
            throw new NotFoundException(
                $"There is no table '{name}' in {request.Database?.Name ?? "this database"}; a table of another schema is written "
                    + "schema.table.column.");
        }

        var type = Column(found, request.From.Column, "--from").Type;
        return _types.Contains(type)
            ? new AdoptionSource(request, own, table, found)
            : throw new InvalidCorpusException(
                $"{found.Name}.{request.From.Column} is of type {type}; a column of vectors is of the type {string.Join(", ", _types)}.");
    }

    /// <summary>All vectors of some items, and where the corpus embeds in chunks the text of each.</summary>
    /// <param name="ids">The items.</param>
    /// <param name="cancellation">Ends the query.</param>
    /// <returns>The place among the ids, and what there is.</returns>
    public async Task<ILookup<int, SourceRow>> Read(IReadOnlyList<string> ids, CancellationToken cancellation)
    {
        var parts = ids.Select(id => _isKey.Count == 1 ? [id] : JsonSerializer.Deserialize<string[]>(id)!).ToList();
        var arrays = Enumerable.Range(0, _isKey.Count).Select(i => Sql.Of($"{parts.ConvertAll(part => part[i])}::text[]"));
        var names = Enumerable.Range(0, _isKey.Count).Select(i => Sql.Raw($"key_{i}"));
        var column = Sql.Identifier(_column);
        var rows = await Reading(_other, () => _database.QueryAsync(
            $"""
            SELECT i.place::int, {_text}, s.{column}::{Sql.Raw(_isVector ? "real[]" : "text")}
            FROM   unnest({Sql.Join(", ", arrays)}) WITH ORDINALITY AS i ({Sql.Join(", ", names)}, place)
            JOIN   {_found.Quoted} s ON {Sql.Join(" AND ", _isKey)}
            WHERE  s.{column} IS NOT NULL{_where}
            """,
            row => (Place: row.GetInt32(0) - 1, Row: new SourceRow(Vector(row), row.Text(1))), cancellation, Sql.TimeoutOfCounts));
        return rows.ToLookup(row => row.Place, row => row.Row);
    }

    // As numbers where they can be nothing else, which is many times faster.
    private float[] Vector(NpgsqlDataReader row) =>
        _isVector ? row.GetFieldValue<float[]>(2) : SourceVector.Parse(row.GetString(2));

    private static IReadOnlyList<string> Keys(AdoptionRequest request, ResolvedTable table, CatalogueTable found)
    {
        if (request.Key.Count > 0 && request.Key.Count != table.KeyColumns.Count)
        {
            throw new InvalidCorpusException(
                $"The key of {table.Kind} is {string.Join(" and ", table.KeyColumns)}: give --key for each, in this order.");
        }

        return request.Key.Count > 0 ? request.Key
            : table.KeyColumns.All(found.Columns.ContainsKey) ? table.KeyColumns
            : throw new InvalidCorpusException(
                $"{found.Name} has no column {string.Join(" and ", table.KeyColumns.Where(key => !found.Columns.ContainsKey(key)))}, the "
                    + $"key of {table.Kind}: say what has it there, --key COLUMN or --key \"COLUMN->>'NAME'\"; it has "
                    + $"{string.Join(", ", found.Columns.Keys.Take(NamesOfKey))}.");
    }

    // A column of the key's own type is compared as it is, so that its index serves; any other by its text.
    private static SqlText IsKey(ResolvedTable table, CatalogueTable found, string name, int i)
    {
        var given = Sql.Raw($"i.key_{i}");
        if (!found.Columns.ContainsKey(name) && JsonPath.Of(name) is { } path)
        {
            Column(found, path.Column, "--key");
            return $"{Value(path)} {Sql.Is} {given}";
        }

        var (column, type) = (Column(found, name, "--key"), table.Found.Columns[table.KeyColumns[i]].Type);
        var isSame = column.Type == type || column.Type is "text" or "character varying"
            || (_integers.Contains(column.Type) && _integers.Contains(type));
        return isSame
            ? $"s.{Sql.Identifier(name)} {column.Is} {given}::{column.SqlType}"
            : Sql.Of($"s.{Sql.Identifier(name)}::text {Sql.Is} {given}");
    }

    // As people write it, so that an index on it serves.
    private static SqlText Value(JsonPath path)
    {
        var steps = path.Steps.Select((step, i) => Sql.Of(
            $" OPERATOR(pg_catalog.{Sql.Raw(i < path.Steps.Count - 1 ? "->" : "->>")}) {Sql.Literal(step)}"));
        return $"(s.{Sql.Identifier(path.Column)}{Sql.Join("", steps)})";
    }

    private static SqlText Where(CatalogueTable found, string name, string value)
    {
        var column = Column(found, name, "--where");
        return $" AND s.{Sql.Identifier(name)} {column.Is} {value}::text::{column.SqlType}";
    }

    private static string TextColumn(AdoptionRequest request, ResolvedTable table, CatalogueTable found)
    {
        var name = request.Text ?? _texts.FirstOrDefault(found.Columns.ContainsKey) ?? throw new InvalidCorpusException(
            $"{table.Kind} is embedded in chunks, whose vectors are adopted by their texts: say which column of {found.Name} has the text "
                + "of each vector, --text COLUMN.");
        Column(found, name, "--text");
        return name;
    }

    private static CatalogueColumn Column(CatalogueTable found, string name, string option) =>
        found.Columns.GetValueOrDefault(name) ?? throw new NotFoundException(
            $"{option}: {found.Name} has no column '{name}'{NearestName.Hint(name, found.Columns.Keys)}");

    // What goes wrong there is not this database's.
    private static async Task<T> Reading<T>(SourceDatabase? other, Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (Exception e) when (other is not null && e is NpgsqlException or TimeoutException)
        {
            throw new DatabaseNotReadyException(
                $"The other database, {other!.Name}, cannot be read: {(e is PostgresException refused ? refused.MessageText : e.Message)}");
        }
    }
}

/// <param name="Text">What it is of, where it was asked for.</param>
internal sealed record SourceRow(float[] Vector, string? Text);
