using System.Text.Json;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Cli.Imports;

/// <summary>Brings documents into the sample table of the documents corpus; done twice, it changes nothing.</summary>
internal sealed class DocumentsImport(NpgsqlDataSource database)
{
    // Both stand in one index entry, of which Postgres takes 2,704 bytes.
    private const int MaxArchive = 300;
    private const int MaxMember = 500;

    private static SqlText Upsert(IReadOnlyList<Document> documents) =>
        $"""
        INSERT INTO lovdata_documents AS d (archive_filename, member, title, content)
        SELECT archive, member, title, content
        FROM   unnest(
                   {documents.Select(document => document.Archive).ToArray()}::text[],
                   {documents.Select(document => document.Member).ToArray()}::text[],
                   {documents.Select(document => document.Title).ToArray()}::text[],
                   {documents.Select(document => document.Content).ToArray()}::text[]) AS i (archive, member, title, content)
        ON CONFLICT (archive_filename, member) DO UPDATE
        SET    title = EXCLUDED.title, content = EXCLUDED.content, updated_at = now()
        WHERE  (d.title, d.content) IS DISTINCT FROM (EXCLUDED.title, EXCLUDED.content)
        """;

    /// <param name="file">JSON lines with archive, member, title and content, plain or gzipped.</param>
    /// <exception cref="DatabaseNotReadyException">The sample table is not there.</exception>
    public Task<ImportedItems> ImportLines(Stream file, CancellationToken cancellation) =>
        ImportedBatches.Write(
            JsonLines.Read(file, Document, cancellation), document => document.Content.Length, batch => Write(batch, cancellation),
            cancellation);

    private static Document Document(JsonElement item) => new(
        JsonLines.Required(item, "archive", MaxArchive), JsonLines.Required(item, "member", MaxMember), JsonLines.Text(item, "title"),
        JsonLines.Text(item, "content") ?? throw new FormatException("it has no 'content'"));

    private async Task<int> Write(IReadOnlyList<Document> batch, CancellationToken cancellation)
    {
        // The last of several lines with one key counts, as if they had come one by one.
        var documents = batch.GroupBy(document => (document.Archive, document.Member)).Select(group => group.Last()).ToList();
        try
        {
            return await database.ExecuteAsync(Upsert(documents), cancellation);
        }
        catch (PostgresException e) when (e.SqlState is
            PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.InvalidColumnReference)
        {
            throw new DatabaseNotReadyException(
                $"The sample table is missing, or another has its name ({e.MessageText}): run 'embeddings migrate documents "
                    + "--with-sample-tables' on a database without it.");
        }
    }
}
