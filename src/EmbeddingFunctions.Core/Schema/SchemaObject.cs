using System.Security.Cryptography;
using System.Text;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

internal enum ObjectKind
{
    Schema,

    /// <summary>A function that a policy of a table calls, so that it outlives the table.</summary>
    PolicyFunction,
    Table,
    Column,
    Constraint,
    Function,
    Trigger,
    View,
    Index,
}

/// <summary>One object that a migration makes in a database, and the statement that makes it.</summary>
/// <param name="Schema">The schema of the table or, without one, of the object.</param>
/// <param name="Table">The table that the object belongs to; empty for functions, tables and views.</param>
/// <param name="Name">The object's name; of a function its signature as SQL writes it.</param>
/// <param name="Statement">Makes the object, or puts it in place of an earlier one; of a column or constraint the part of an
/// ALTER TABLE.</param>
internal sealed record SchemaObject(ObjectKind Kind, string Schema, string Table, string Name, string Statement)
{
    /// <summary>Whether corpora share it: it is recorded for none, and stays while one is left.</summary>
    public bool IsShared { get; init; }

    /// <summary>Whether an object of the name that no migration made is used as it is: the queue of an older system.</summary>
    public bool MayBeThere { get; init; }

    /// <summary>
    /// Of a table: what is done to it after it is made, and again when a migration made it that is not as it was; empty if nothing is.
    /// </summary>
    public string Finish { get; init; } = "";

    /// <summary>Of an index.</summary>
    public bool IsUnique { get; init; }

    /// <summary>Of an index over vectors: the bytes that one of them takes in its graph, by estimate; null for other indexes.</summary>
    public int? GraphBytes { get; init; }

    public ObjectKey Key => new(Kind, Schema, Table, Name);

    /// <summary>Another statement has another one.</summary>
    public string Fingerprint => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Statement + Finish)));
}

/// <summary>The key by which an object is recorded and looked up.</summary>
internal sealed record ObjectKey(ObjectKind Kind, string Schema, string Table, string Name)
{
    public override string ToString() => Kind switch
    {
        ObjectKind.Column => $"the column {Table}.{Name}",
        ObjectKind.Function or ObjectKind.PolicyFunction => $"the function {Name.Replace("\"", "", StringComparison.Ordinal)}",
        ObjectKind.Constraint or ObjectKind.Trigger => $"the {Kind.ToString().ToLowerInvariant()} {Name} of {Table}",
        _ => $"the {Kind.ToString().ToLowerInvariant()} {(Schema == EngineSchema.Name ? $"{Schema}." : "")}{Name}",
    };

    /// <summary>The statement that drops it, where it is there.</summary>
    public string Removal => Kind switch
    {
        ObjectKind.Column => $"ALTER TABLE IF EXISTS {Owner} DROP COLUMN IF EXISTS {Sql.Identifier(Name)}",
        ObjectKind.Constraint => $"ALTER TABLE IF EXISTS {Owner} DROP CONSTRAINT IF EXISTS {Sql.Identifier(Name)}",
        ObjectKind.Function or ObjectKind.PolicyFunction => $"DROP FUNCTION IF EXISTS {Name}",
        ObjectKind.Trigger => $"DROP TRIGGER IF EXISTS {Sql.Identifier(Name)} ON {Owner}",
        ObjectKind.View => $"DROP VIEW IF EXISTS {Relation}",
        ObjectKind.Schema => $"DROP SCHEMA IF EXISTS {Sql.Identifier(Name)}",
        ObjectKind.Index => $"DROP INDEX IF EXISTS {Relation}",
        _ => $"DROP TABLE IF EXISTS {Relation}",
    };

    /// <summary>The statement by which it has another's name, or null of what is made again under it.</summary>
    public string? Rename(ObjectKey to) => Kind switch
    {
        ObjectKind.Column => $"ALTER TABLE {Owner} RENAME COLUMN {Sql.Identifier(Name)} TO {Sql.Identifier(to.Name)}",
        ObjectKind.Constraint => $"ALTER TABLE {Owner} RENAME CONSTRAINT {Sql.Identifier(Name)} TO {Sql.Identifier(to.Name)}",
        ObjectKind.Index => $"ALTER INDEX {Relation} RENAME TO {Sql.Identifier(to.Name)}",
        ObjectKind.Table => $"ALTER TABLE {Relation} RENAME TO {Sql.Identifier(to.Name)}",
        _ => null,
    };

    /// <summary>Of a table, a view or an index: its name as SQL writes it.</summary>
    public string Relation => $"{Sql.Identifier(Schema)}.{Sql.Identifier(Name)}";

    private string Owner => $"{Sql.Identifier(Schema)}.{Sql.Identifier(Table)}";
}
