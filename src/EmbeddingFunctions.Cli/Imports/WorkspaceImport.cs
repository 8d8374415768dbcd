using Npgsql;

namespace EmbeddingFunctions.Cli.Imports;

/// <summary>Brings items into the sample tables of the workspace corpus; done twice, it changes nothing.</summary>
internal sealed class WorkspaceImport(NpgsqlDataSource database)
{
    private readonly WorkspaceTables _tables = new(database);

    /// <param name="file">JSON lines, plain or gzipped.</param>
    /// <param name="workspace">The active workspace that the items' repositories join; null: none, so nothing of them is embedded.</param>
    public Task<ImportedItems> ImportLines(Stream file, string? workspace, CancellationToken cancellation) =>
        Import(ItemLines.Read(file, cancellation), workspace, cancellation);

    /// <param name="path">A local git repository.</param>
    /// <inheritdoc cref="ImportLines"/>
    public Task<ImportedItems> ImportGit(string path, string? workspace, CancellationToken cancellation) =>
        Import(Numbered(GitHistory.Read(path, cancellation)), workspace, cancellation);

    private static async IAsyncEnumerable<(int, WorkspaceItem?, string?)> Numbered(IAsyncEnumerable<WorkspaceItem> items)
    {
        var number = 0;
        await foreach (var item in items)
        {
            yield return (++number, item, null);
        }
    }

    private Task<ImportedItems> Import(
        IAsyncEnumerable<(int Line, WorkspaceItem? Item, string? Problem)> lines, string? workspace, CancellationToken cancellation) =>
        ImportedBatches.Write(
            lines, item => item.Title.Length + (item.Body?.Length ?? 0), batch => _tables.Write(batch, workspace, cancellation),
            cancellation);
}
